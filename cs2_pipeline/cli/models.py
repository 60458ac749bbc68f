"""`cs2 models`: what is registered, what is champion, and the decisions about it."""

from collections.abc import Iterator
from dataclasses import asdict

from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.cache import ModelVersion
from cs2_pipeline.cli.console import CliError, UsageError, answer, note, out
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.registry.listing import listing
from cs2_pipeline.registry.versions import Event
from cs2_pipeline.settings import Settings

_SHOWN_METRICS = ("test_log_loss", "test_auc", "test_ece")


def show_all(settings: Settings, *, as_json: bool) -> None:
    """Versions and the history of decisions of every model."""
    uri = Platform(settings).tracking_uri
    found = {name: listing(uri, name) for name in catalog.names()}
    if as_json:
        answer(
            {
                name: {
                    "versions": [version.to_dict() for version in one.versions],
                    "aliases": one.aliases,
                    "history": [asdict(event) | {"numbers": _numbers(event, one.versions)} for event in one.history],
                }
                for name, one in found.items()
            }
        )
        return
    for name, one in found.items():
        if not one.versions:
            note(f"{name}: no version yet; `cs2 train` creates one")
            continue
        out.print(name, style="bold")
        for line in _versions_table(one.versions, one.aliases):
            out.print(line)
        for event in one.history:
            out.print(_told(event, _numbers(event, one.versions)))


def show(settings: Settings, name: str, version: str | None, *, as_json: bool) -> None:
    """One version.

    Raises:
        CliError: there is no such model or no champion.
    """
    found = _version(Platform(settings), name, version)
    if as_json:
        answer(found.to_dict())
        return
    out.print(f"{found.name} {found.version}", style="bold")
    facts = {
        "run": found.run_id,
        "trained": found.trained_at,
        "promoted": found.promoted_at or "never",
        "reason": found.tags.get("promotion_reason") or found.tags.get("refused_reason", ""),
        "dataset": found.dataset_digest,
        "learned from": found.learned_from,
        "watermark": found.source_watermark,
        "commit": found.tags.get("git_commit", ""),
    }
    for key, value in facts.items():
        out.print(f"  {key:<12} {value}")
    for metric in sorted(found.metrics):
        if not metric.endswith(("_low", "_high")):
            low, high = (found.metrics.get(f"{metric}_{end}") for end in ("low", "high"))
            interval = f" [{low:.4f}, {high:.4f}]" if low is not None and high is not None else ""
            out.print(f"  {metric:<28} {found.metrics[metric]:.4f}{interval}")


def promote(settings: Settings, name: str, version: str, *, force: bool, reason: str) -> None:
    """Promote a version that earned it, or by force with a reason.

    Raises:
        UsageError: force without a reason.
        CliError: a version that did not earn it.
    """
    if force and not reason.strip():
        raise UsageError("--force needs --reason; the reason is kept in the history.")
    from cs2_pipeline.defs.assets.models import registry  # noqa: PLC0415  needs dagster, seconds that a list has not
    from cs2_pipeline.registry import promotion  # noqa: PLC0415  needs mlflow
    from cs2_pipeline.training.registration import REFUSE  # noqa: PLC0415
    from cs2_pipeline.training.settling import settle  # noqa: PLC0415

    platform = Platform(settings)
    found = _version(platform, name, version)
    if force:
        promotion.promote(platform.tracking_uri, found, reason=reason, forced=True)
    else:
        if found.tags.get("decision") == REFUSE:
            why = found.tags.get("decision_reason", "")
            raise CliError(
                f"{name} {version} did not pass its evaluation: {why} To promote it anyway: --force --reason."
            )
        if found.promoted_at:
            raise CliError(
                f"{name} {version} was champion before: `cs2 models rollback {name} --reason …` returns to the "
                "previous champion, --force --reason … promotes any version."
            )
        event = settle(found.to_dict(), registry(platform), by="cs2 models promote")
        if event is not None and event.action == "refused":
            raise CliError(f"{name} {version} was not promoted: {event.reason}")
    note(f"champion of {name} is version {_version(platform, name, None).version}")


def rollback(settings: Settings, name: str, *, reason: str) -> None:
    """Return to the previous champion."""
    from cs2_pipeline.registry import promotion  # noqa: PLC0415  needs mlflow

    _require_known(name)
    event = promotion.rollback(Platform(settings).tracking_uri, name, reason=reason)
    note(f"champion of {name} is version {event.version} again (was {event.former})")


def _numbers(event: Event, versions: list[ModelVersion]) -> dict[str, dict[str, float]]:
    """Held-out figures of the version an event is about and of the one that was champion, by version."""
    return {
        version.version: {key: version.metrics[key] for key in _SHOWN_METRICS if key in version.metrics}
        for version in versions
        if version.version in (event.version, event.former)
    }


def _told(event: Event, numbers: dict[str, dict[str, float]]) -> str:
    def named(version: str) -> str:
        loss = numbers.get(version, {}).get("test_log_loss")
        return f"version {version}" + (f" (log loss {loss:.4f})" if loss is not None else "")

    was = f", was {named(event.former)}," if event.former not in (None, event.version) else ""
    return f"  {event.at[:19]}Z {named(event.version)} {event.action}{was} by {event.by}: {event.reason}"


def _version(platform: Platform, name: str, version: str | None) -> ModelVersion:
    _require_known(name)
    if version is not None:
        return platform.models.version(name, version)
    champion = platform.models.champion(name)
    if champion is None:
        raise CliError(f"{name} has no champion yet; `cs2 models list` shows its versions, `cs2 train` creates one.")
    return champion


def _require_known(name: str) -> None:
    if name not in catalog.names():
        raise UsageError(f"there is no model {name!r}; the models are {', '.join(catalog.names())}.")


def _versions_table(versions: list[ModelVersion], aliases: dict[str, str]) -> Iterator[str]:
    alias_of = {number: alias for alias, number in aliases.items()}
    names = [metric.removeprefix("test_").replace("_", " ") for metric in _SHOWN_METRICS]
    yield "  version  alias     trained           " + "".join(f"{name:<10}" for name in names) + "verdict  learned from"
    for version in versions:
        metrics = "".join(f"{version.metrics.get(key, float('nan')):<10.4f}" for key in _SHOWN_METRICS)
        alias, verdict = alias_of.get(version.version, ""), version.tags.get("decision", "")
        figures = f"{version.trained_at[:16]:<17} {metrics}{verdict:<8}"
        yield f"  {version.version:<8} {alias:<9} {figures} {version.learned_from}"
