"""Jobs that return to the previous champion, with a reason that the history keeps."""

from typing import Any, Final

import dagster as dg
from pydantic import Field

from cs2_pipeline.artifact import catalog
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.registry import promotion
from cs2_pipeline.registry.versions import Event

PREFIX: Final = "rollback_"


class Rollback(dg.Config):
    """Why."""

    reason: str = Field(description="why the champion is rolled back; kept in the history that `cs2 models list` shows")


def roll_back(platform: Platform, name: str, *, reason: str, run_id: str) -> Event:
    """Return to the previous champion, once for each run, however often its step is executed.

    Twice would lead back to where one began: what the run recorded is looked up first, and what a killed process left
    undone is completed.

    Raises:
        dg.Failure: no reason was given.
        RegistryError: there is no previous champion.
    """
    if not reason.strip():
        raise dg.Failure("a rollback needs a reason: it is kept in the history", allow_retries=False)
    by = f"Dagster run {run_id}"
    recorded = [event for event in promotion.history(platform.tracking_uri, name) if event.by == by]
    if not recorded:
        return promotion.rollback(platform.tracking_uri, name, reason=reason, by=by)
    champion, event = platform.models.champion(name), recorded[-1]
    if champion is None or champion.version == event.version or champion.version != event.former:
        return event
    version = platform.models.version(name, event.version)
    return promotion.promote(platform.tracking_uri, version, reason=f"rollback completed: {reason}", by=by)


def build() -> list[dg.JobDefinition]:
    """A job for each model."""
    return [_job(name) for name in catalog.names()]


def _job(name: str) -> dg.JobDefinition:
    @dg.op(name=f"{PREFIX}{name}_alias")
    def step(context: dg.OpExecutionContext, config: Rollback, platform: dg.ResourceParam[Platform]) -> None:
        run_id = context.run.root_run_id or context.run_id
        event = roll_back(platform, name, reason=config.reason, run_id=run_id)
        described: dict[str, Any] = {"champion": event.version, "was": event.former or "none", "at": event.at}
        context.add_output_metadata(described | {"reason": event.reason})
        context.log.info(f"champion of {name} is version {event.version} again (was {event.former})")

    @dg.job(
        name=f"{PREFIX}{name}",
        description=f"Return to the previous champion of {name}. Give the reason in the configuration.",
    )
    def job() -> None:
        step()

    return job
