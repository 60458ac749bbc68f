"""What MLflow's tags, metrics and aliases mean: versions, decisions, the champion. Does not import MLflow."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from cs2_pipeline.artifact.cache import ModelVersion

CHAMPION: Final = "champion"
PREVIOUS: Final = "previous"
EVENT_PREFIX: Final = "event."
"""Before the time of a decision, in the name of the model's tag that holds it."""

Action = Literal["promoted", "refused", "forced", "rolled_back"]


@dataclass(frozen=True)
class Event:
    """One decision about a version: what was done, when, by whom, why, and what was champion before."""

    at: str
    action: Action
    version: str
    former: str | None
    by: str
    reason: str


def described(
    name: str, version: str, run_id: str, tags: Mapping[str, str], run_metrics: Mapping[str, float]
) -> ModelVersion:
    """A version from its tags and the metrics of its run."""
    metrics = {key: value for key, value in run_metrics.items() if key.startswith("test_")}
    return ModelVersion(
        name=name,
        version=version,
        run_id=run_id,
        trained_at=tags.get("trained_at", ""),
        promoted_at=tags.get("promoted_at", ""),
        dataset_digest=tags.get("dataset_digest", ""),
        source_watermark=tags.get("source_watermark", ""),
        digest=tags.get("manifest_sha256", ""),
        metrics=metrics | _ends(tags),
        tags=dict(tags),
    )


def decisions(tags: Mapping[str, str]) -> list[Event]:
    """The decisions that a model's tags hold, oldest first."""
    events = [Event(**json.loads(value)) for key, value in tags.items() if key.startswith(EVENT_PREFIX)]
    return sorted(events, key=lambda event: event.at)


def _ends(tags: Mapping[str, str]) -> dict[str, float]:
    """The ends of the metrics' intervals, which a version keeps in a tag."""
    intervals: dict[str, list[float]] = json.loads(tags.get("intervals", "{}"))
    return {
        f"{key}_{end}": value
        for key, ends in intervals.items()
        for end, value in zip(("low", "high"), ends, strict=True)
    }
