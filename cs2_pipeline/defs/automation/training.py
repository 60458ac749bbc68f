"""When the models are trained: every night if there is something new, and as soon as enough new rounds have come.

Promotion is part of the same job: what was trained is promoted or refused in the run that trained it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import dagster as dg

from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.spec import ModelSpec
from cs2_pipeline.defs import jobs
from cs2_pipeline.defs.assets.datasets import DAYS_READ, ROUNDS_BY_DAY
from cs2_pipeline.defs.automation.unfinished import under_way
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.defs.verdicts import Verdicts

NIGHTLY: Final = "0 4 * * *"
INTERVAL: Final = 60
_UNDER_WAY: Final = "a training is under way"


@dataclass(frozen=True)
class BuiltDataset:
    """A materialisation of the round dataset.

    Attributes:
        source: the table of snapshots it was built from.
        rounds: by match day, how many rounds it holds.
        digest: of its content.
    """

    source: str
    rounds: Mapping[str, int]
    digest: str

    @property
    def total(self) -> int:
        """How many rounds it holds."""
        return sum(self.rounds.values())

    def beyond(self, other: "BuiltDataset | None") -> int:
        """How many rounds it holds that the other does not: days that left the training window take nothing off."""
        before = other.rounds if other is not None else {}
        return sum(max(0, count - before.get(day, 0)) for day, count in self.rounds.items())


_DATASETS_LOOKED_AT: Final = 100
"""Materialisations of a dataset among which the one a model was trained on is looked for."""


@dg.schedule(
    job_name=jobs.TRAIN_ALL,
    cron_schedule=NIGHTLY,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Trains all models at night if days were extracted since the last training.",
)
def nightly_training(
    context: dg.ScheduleEvaluationContext, platform: dg.ResourceParam[Platform]
) -> dg.RunRequest | dg.SkipReason:
    """Fires at 04:00 UTC when there are other days to learn from than those the models were last trained on.

    A training that fails is asked for again the next night, once. Nothing extracted, or a training under way: no run.
    """
    reason = why_not_tonight(context.instance, Verdicts(platform.tables).usable().version)
    return dg.SkipReason(reason) if reason else dg.RunRequest()


@dg.sensor(
    job_name=jobs.TRAIN_ALL,
    minimum_interval_seconds=INTERVAL,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Trains all models as soon as there are CS2_RETRAIN_AFTER_ROUNDS new rounds.",
)
def enough_new_rounds(
    context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
) -> dg.RunRequest | dg.SkipReason:
    """Fires when the round dataset holds `CS2_RETRAIN_AFTER_ROUNDS` rounds that the one last trained on did not.

    The dataset is built anew whenever its tables change, so its latest materialisation is what there is to learn from.
    One run for each content of the dataset: a training that fails on it is not repeated until it changes. Any
    training that succeeds starts the count again, whoever asked for it.
    """
    built = latest_dataset(context.instance)
    if built is None:
        return dg.SkipReason("the round dataset has not been built yet")
    if built.source != catalog.ROUND.extracted:
        return dg.SkipReason(f"the round dataset was built from {built.source}, which is trained on by hand only")
    if under_way(context.instance, jobs.trainings()):
        return dg.SkipReason(_UNDER_WAY)
    trained = trained_dataset(context.instance)
    if trained is not None and trained.source != built.source:
        trained = None
    if trained is not None and not trained.rounds:
        return dg.SkipReason(
            "the dataset last trained on was built by a version that did not count its rounds by day, so new rounds "
            "cannot be told from old ones: counting begins with the next training"
        )
    wanted, new = platform.settings.retrain_after_rounds, built.beyond(trained)
    said = f"{new:,} new rounds ({trained.total if trained else 0:,} trained on, {built.total:,} now)"
    if new < wanted:
        return dg.SkipReason(f"{said}: the next training starts at {wanted:,}")
    context.log.info(f"{said}: at least {wanted:,}, so a training starts")
    return dg.RunRequest(run_key=f"enough new rounds: dataset {built.digest}")


def why_not_tonight(instance: dg.DagsterInstance, days: str) -> str:
    """Why a training would teach the models nothing now; empty where it would.

    Args:
        instance: tells what was trained on which dataset.
        days: the version of the days that can be read now (`verdicts.Usable`).
    """
    if _last(instance, catalog.ROUND.extracted) is None:
        return "no match day was extracted yet: there is nothing to train on"
    if under_way(instance, jobs.trainings()):
        return _UNDER_WAY
    if all(_has_learnt(instance, spec, days) for spec in catalog.MODELS):
        return "nothing was extracted since all models were last trained"
    return ""


def latest_dataset(instance: dg.DagsterInstance) -> BuiltDataset | None:
    """The round dataset as it is now."""
    return _described(_last(instance, catalog.ROUND.dataset))


def trained_dataset(instance: dg.DagsterInstance) -> BuiltDataset | None:
    """The round dataset that the latest round model was trained on."""
    return _described(_learnt_from(instance, catalog.ROUND))


def _has_learnt(instance: dg.DagsterInstance, spec: ModelSpec, days: str) -> bool:
    """Whether the dataset that the model learnt from was built from the days that can be read now."""
    learnt = _learnt_from(instance, spec)
    return learnt is not None and _metadata(learnt).get(DAYS_READ) == days


def _learnt_from(instance: dg.DagsterInstance, spec: ModelSpec) -> dg.EventLogRecord | None:
    """The newest materialisation of the dataset with the content that the latest model was trained on."""
    trained = _last(instance, spec.name)
    if trained is None:
        return None
    digest = _metadata(trained).get("dataset_digest")
    wanted = dg.AssetRecordsFilter(dg.AssetKey(spec.dataset))
    built = instance.fetch_materializations(wanted, limit=_DATASETS_LOOKED_AT).records
    return next((record for record in built if _metadata(record).get("digest") == digest), None)


def _last(instance: dg.DagsterInstance, asset: str) -> dg.EventLogRecord | None:
    records = instance.fetch_materializations(dg.AssetKey(asset), limit=1).records
    return records[0] if records else None


def _described(record: dg.EventLogRecord | None) -> BuiltDataset | None:
    if record is None:
        return None
    metadata = _metadata(record)
    return BuiltDataset(str(metadata["source"]), metadata.get(ROUNDS_BY_DAY, {}), str(metadata["digest"]))


def _metadata(record: dg.EventLogRecord) -> dict[str, Any]:
    written = record.asset_materialization
    return {} if written is None else {key: value.value for key, value in written.metadata.items()}
