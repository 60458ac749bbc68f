"""The first four stops of a training table's way: audit, fit, judge, decide. The fifth is `training.registration`.

Each takes what it needs once and hands on a value; none knows who called it or what comes after.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from cs2_pipeline.artifact.artifact import Artifact
from cs2_pipeline.artifact.cache import ModelVersion
from cs2_pipeline.artifact.spec import ModelSpec, resolve
from cs2_pipeline.datasets.leakage.report import AuditReport
from cs2_pipeline.evaluation import promotion
from cs2_pipeline.evaluation.evidence import Case, Evidence, Rival, answers
from cs2_pipeline.evaluation.promotion import Decision
from cs2_pipeline.models.training import Progress, Training


@dataclass(frozen=True)
class Champion:
    """The present champion with its artifact: whom a candidate is compared with."""

    version: ModelVersion
    artifact: Artifact


@dataclass(frozen=True)
class Judged:
    """A trained model with everything that was found out about it.

    Attributes:
        spec: the model's entry.
        dataset: what it was made from, the test part included.
        audit: of the dataset.
        training: what was fitted.
        evidence: of the candidate on the test part.
        decision: the verdict.
        champion: the version it was compared with, if any.
    """

    spec: ModelSpec
    dataset: pd.DataFrame
    audit: AuditReport
    training: Training
    evidence: Evidence
    decision: Decision
    champion: ModelVersion | None

    @property
    def learned_since(self) -> datetime:
        """Start of the oldest match it learned from."""
        since: datetime = self.training.learned_since or self.dataset[self.spec.time].min().to_pydatetime()
        return since


def audit(spec: ModelSpec, dataset: pd.DataFrame) -> AuditReport:
    """Whether the table tells a model what it could not know when it is asked."""
    report: AuditReport = resolve(spec.audit)(dataset)
    return report


def fit(spec: ModelSpec, dataset: pd.DataFrame, *, seed: int, folder: Path, progress: Progress) -> Training:
    """Train the model's candidates and write the chosen one as an artifact; the test part is not read.

    Raises:
        TrainingError: the dataset cannot be trained on.
    """
    training: Training = resolve(spec.fit)(dataset, seed=seed, folder=folder, progress=progress)
    return training


def judge(
    spec: ModelSpec,
    dataset: pd.DataFrame,
    training: Training,
    report: AuditReport,
    *,
    champion: Champion | None,
    seed: int,
) -> Evidence:
    """Measure the chosen candidate on the test part, beside its baseline and the champion."""
    test = dataset[dataset["part"] == "test"]
    rival = rival_of(spec, champion, test[spec.time]) if champion is not None else None
    evidence: Evidence = resolve(spec.judge)(Case(spec, test, training, report.failures, rival, seed))
    return evidence


def constant_inputs(spec: ModelSpec, dataset: pd.DataFrame, training: Training) -> dict[str, float]:
    """The inputs that the model reads and of which the training part holds one value alone, each with that value.

    NaN is the value of one that is NULL throughout. The inputs that the model was trained without, because of the same
    fault, and that it therefore ignores, are none of them.
    """
    train = dataset[dataset["part"] == "train"]
    asked = [field.name for field in spec.serving.fields if not field.text] if spec.serving is not None else []
    read = [name for name in asked if name in train and name not in training.ignored_inputs]
    values = {name: train[name].unique() for name in read}
    return {name: float(pd.to_numeric(found)[0]) for name, found in values.items() if len(found) == 1}


def decide(spec: ModelSpec, evidence: Evidence) -> Decision:
    """Whether the candidate becomes champion."""
    return promotion.decide(evidence, spec.requirements)


def rival_of(spec: ModelSpec, champion: Champion, time: pd.Series) -> Rival:
    """The champion as a rival; the time of the test rows tells which of them it did not learn from."""
    version, unseen = champion.version, None
    learned_until = version.tags.get("learned_until")
    if spec.split_by_time and learned_until is not None:
        unseen = (time > pd.Timestamp(learned_until)).to_numpy(dtype=bool)
    return Rival(version.version, answers(spec, champion.artifact), unseen)
