"""A model's way from a training table to a registered version with a verdict, and from the verdict to the alias.

`train_round` and `train_player` train, measure on the test part, decide by `evaluation.promotion`, and log and register
everything, whichever way the decision went. `settle` then acts on the decision; it is safe to repeat.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cs2_pipeline.artifact.artifact import Artifact, model_digest
from cs2_pipeline.artifact.cache import PLAYER_CLASSIFIER, ROUND_PREDICTOR
from cs2_pipeline.datasets.digest import digest
from cs2_pipeline.datasets.leakage import audit
from cs2_pipeline.datasets.leakage.audit import AuditReport
from cs2_pipeline.evaluation import card, evidence, reliability, rounds_seen
from cs2_pipeline.evaluation.evidence import Evidence, Rival
from cs2_pipeline.evaluation.laws import LawResult
from cs2_pipeline.evaluation.promotion import PLAYER_REQUIREMENTS, ROUND_REQUIREMENTS, Decision, decide
from cs2_pipeline.game.features import PLAYER_FEATURES, ROUND_FEATURES
from cs2_pipeline.game.player import NEVER
from cs2_pipeline.registry import promotion, runs
from cs2_pipeline.registry.champion import ModelStore, ModelVersion, RegistryError
from cs2_pipeline.stats.intervals import Floats

if TYPE_CHECKING:
    from cs2_pipeline.models.player.classifier import PlayerTraining
    from cs2_pipeline.models.round.predictor import RoundTraining

Progress = Callable[[str], None]
"""Told what is being done, a sentence at a time."""

_NEWEST_MATCH: Final = "match of "
DATABASE: Final = "the demo database"
PUBLISHED: Final = "the public snapshot file"
PROMOTE: Final = "promote"
REFUSE: Final = "refuse"


@dataclass(frozen=True)
class Registry:
    """Where versions go.

    Attributes:
        tracking_uri: MLflow's address.
        artifact_root: where an embedded MLflow keeps artifacts; None for a server.
        models: reads the present champion.
    """

    tracking_uri: str
    artifact_root: Path | None
    models: ModelStore


@dataclass(frozen=True)
class Release:
    """A registered version with the verdict on it.

    Attributes:
        version: as registered.
        decision: the verdict with its numbers and its report.
        evidence: test metrics of candidate and baseline with intervals, and all else that was found.
        figures: PNG by file name: the reliability curve, a player model's worth by rounds observed.
        card: the model card, Markdown.
    """

    version: ModelVersion
    decision: Decision
    evidence: Evidence
    figures: dict[str, bytes]
    card: str

    def to_document(self) -> dict[str, Any]:
        """What the promotion needs to know, as JSON."""
        return {"name": self.version.name, "version": self.version.version, "run_id": self.version.run_id}

    def summary(self) -> str:
        """Test metrics beside the baseline's, a line each."""
        lines = [f"version {self.version.version}, test part, 95 % intervals; beside {self.evidence.baseline}:"]
        for name, figure in self.evidence.metrics.items():
            lines.append(f"{name:<9} {figure}   {self.evidence.baseline_metrics[name]}")
        if self.evidence.metrics_required_only is not None:
            required = self.evidence.metrics_required_only
            lines.append(f"with the ten required inputs only: log_loss {required['log_loss']}, ece {required['ece']}")
        verdict = "earned promotion" if self.decision.promote else "not to be promoted"
        return "\n".join([*lines, f"{verdict}: {' '.join(self.decision.reasons)}"])


@dataclass(frozen=True)
class _Model:
    """What differs between the two models."""

    name: str
    group: str
    groups: str
    time: str
    command: str
    intended_use: tuple[str, ...]
    limits: tuple[str, ...]


@dataclass(frozen=True)
class _Judged:
    """A trained model with everything that was found out about it, and the audit of what it learned from."""

    model: _Model
    audit: AuditReport
    dataset: pd.DataFrame
    training: "RoundTraining | PlayerTraining"
    found: Evidence
    decision: Decision
    champion: ModelVersion | None
    learned_since: datetime


_ROUND: Final = _Model(
    name=ROUND_PREDICTOR,
    group="match_id",
    groups="matches",
    time="started_at",
    command="cs2 train round",
    intended_use=(
        "Say how likely the CT side is to win the round under way, from its state at a moment.",
        "Not for betting, and not for judging a player.",
    ),
    limits=(
        "It knows team sums, not who holds which weapon or stands where.",
        "It speaks for play like that it was trained on: another game version or level of play shifts its numbers.",
    ),
)
_PLAYER: Final = _Model(
    name=PLAYER_CLASSIFIER,
    group="steam_id",
    groups="players",
    time="window_end",
    command="cs2 train player",
    intended_use=("Say in which skill tier a player's next matches are likely to fall, from a window of past ones.",),
    limits=(
        "A tier is a range of kills per death and nothing more: it leaves out role, opposition and team.",
        "Below the number of rounds in the manifest it gives no answer.",
    ),
)


def train_round(
    dataset: pd.DataFrame, registry: Registry, *, seed: int, tags: Mapping[str, str], progress: Progress
) -> Release:
    """Train, judge and register a round model.

    Args:
        dataset: a `round_dataset`.
        registry: where it goes.
        seed: of training and resampling: the same data and seed give the same model.
        tags: of the run (``dagster_run_id``, ``git_commit``).
        progress: see `Progress`.

    Raises:
        DatasetError: the dataset cannot be trained on.
        RegistryUnavailableError: MLflow does not answer; nothing is registered.
    """

    from cs2_pipeline.training import changed_play  # noqa: PLC0415  # needs torch

    def judge(folder: Path, champion: ModelVersion | None) -> _Judged:
        audited = audit.audit_rounds(dataset)
        training, since = changed_play.train(dataset, seed=seed, folder=folder, progress=progress)
        progress("measuring on the test part")
        test = dataset[dataset["part"] == "test"]
        found = evidence.of_round_model(
            test,
            _probability(training.artifact),
            Rival("logistic regression", training.baseline.predict),
            model=ROUND_PREDICTOR,
            audit=audited.failures,
            champion=_rival(registry.models, champion, _probability, test[_ROUND.time]),
            seed=seed,
        )
        return _Judged(_ROUND, audited, dataset, training, found, decide(found, ROUND_REQUIREMENTS), champion, since)

    return _released(ROUND_PREDICTOR, judge, registry, seed=seed, tags=tags)


def train_player(
    dataset: pd.DataFrame, registry: Registry, *, seed: int, tags: Mapping[str, str], progress: Progress
) -> Release:
    """Train, judge and register a player model, as `train_round` does for rounds.

    Args:
        dataset: a `player_dataset`.
    """

    from cs2_pipeline.models.player import classifier  # noqa: PLC0415  # needs torch

    def judge(folder: Path, champion: ModelVersion | None) -> _Judged:
        audited = audit.audit_players(dataset)
        training = classifier.train(dataset, seed=seed, folder=folder, progress=progress)
        progress("measuring on the test part")
        test = dataset[dataset["part"] == "test"]
        answered = _answered(test, training.min_rounds)
        predict = _scores(training.artifact)
        found = evidence.of_player_model(
            answered,
            predict,
            Rival("the tier of the past K/D", training.rule),
            model=PLAYER_CLASSIFIER,
            audit=audited.failures,
            champion=_rival(registry.models, champion, _scores),
            seed=seed,
        )
        found = replace(
            found,
            laws=[*(found.laws or []), _answers_somebody(test, training.min_rounds)],
            by_rounds=classifier.by_rounds(test, predict, training.rule, training.prior),
            min_rounds=training.min_rounds,
        )
        since = dataset[_PLAYER.time].min().to_pydatetime()
        return _Judged(_PLAYER, audited, dataset, training, found, decide(found, PLAYER_REQUIREMENTS), champion, since)

    return _released(PLAYER_CLASSIFIER, judge, registry, seed=seed, tags=tags)


def _answered(test: pd.DataFrame, min_rounds: int) -> pd.DataFrame:
    """The records that get an answer: what is measured is what is served. All of them where none would."""
    enough = test["total_rounds"] >= min_rounds
    return test[enough] if enough.any() else test


def _answers_somebody(test: pd.DataFrame, min_rounds: int) -> LawResult:
    """Whether a record of the test part gets an answer: without one nothing that is served was measured."""
    holds, sentence = bool((test["total_rounds"] >= min_rounds).any()), rounds_seen.sentence(min_rounds)
    if not holds and min_rounds < NEVER:
        sentence += " Nobody in the test part has as many."
    return LawResult("it answers somebody", holds, 1, int(not holds), 0.0, None, sentence)


def _released(
    name: str,
    judge: Callable[[Path, ModelVersion | None], _Judged],
    registry: Registry,
    *,
    seed: int,
    tags: Mapping[str, str],
) -> Release:
    """Train and judge in a folder that lives as long as that takes, and register what came of it."""
    champion = registry.models.champion(name)
    with tempfile.TemporaryDirectory() as folder:
        return _register(judge(Path(folder), champion), registry, seed=seed, tags=tags)


def settle(document: Mapping[str, Any], registry: Registry, *, by: str) -> promotion.Event | None:
    """Act on the verdict on a registered version: make it champion if it earned that. Safe to repeat.

    Args:
        document: of `Release.to_document`.
        registry: where the version is.
        by: who settles it (a Dagster run).

    Returns:
        What was done; None where the version is champion already or was refused before. A version that was rolled
        back, or that learned from another source than the champion, is refused.

    Raises:
        RegistryError: another version became champion in this very moment.
    """
    version = registry.models.version(document["name"], document["version"])
    present = registry.models.champion(version.name)
    number = present.version if present is not None else ""
    if version.version == number or version.tags["decision"] == REFUSE or "refused_reason" in version.tags:
        return None
    withdrawn = [
        event
        for event in promotion.history(registry.tracking_uri, version.name)
        if event.action == "rolled_back" and event.former == version.version
    ]
    if withdrawn:
        why = f"it was rolled back ({withdrawn[-1].reason}): `cs2 models promote --force` brings it back"
        return promotion.refuse(registry.tracking_uri, version, reason=why, by=by)
    sources = [one.tags.get("source", DATABASE) for one in (version, present or version)]
    if sources[0] != sources[1]:
        why = f"it learned from {sources[0]}, the champion from {sources[1]}"
        return promotion.refuse(registry.tracking_uri, version, reason=f"{why}: replace it by force only", by=by)
    if number != version.tags["compared_with"]:
        changed = (
            f"it was compared with champion {version.tags['compared_with'] or 'none'}, which is now {number or 'none'}"
        )
        return promotion.refuse(registry.tracking_uri, version, reason=f"{changed}: train again", by=by)
    reason = version.tags["decision_reason"]
    return promotion.promote(registry.tracking_uri, version, reason=reason, by=by, expected_former=number)


def watermark(dataset: pd.DataFrame, time: str) -> str:
    """The newest source row a training table has seen."""
    newest = dataset[time].max()
    if "round_id" in dataset:
        return f"round {dataset['round_id'].max()}, {_NEWEST_MATCH}{newest.isoformat()}"
    return f"{_NEWEST_MATCH}{newest.isoformat()}"


def seen_until(source_watermark: str) -> datetime:
    """When the newest match in a training table started, from the table's `watermark`.

    Raises:
        RegistryError: it is no such text.
    """
    text = source_watermark.rpartition(_NEWEST_MATCH)[2]
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise RegistryError(
            f"the source watermark {source_watermark!r} names no match time: train the model again"
        ) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def learned_since(version: ModelVersion) -> datetime:
    """When the oldest match started that a version learned from; the beginning of time where it does not say."""
    return datetime.fromisoformat(version.tags.get("learned_since") or datetime.min.replace(tzinfo=UTC).isoformat())


def _source(dataset: pd.DataFrame) -> str:
    """What a training table was made from. Snapshots of the public file are marked as such."""
    published = "moment" in dataset and bool((dataset["moment"] == "published").all())
    return PUBLISHED if published else DATABASE


def _learned_until(dataset: pd.DataFrame, time: str) -> str:
    """When the newest match outside the test part started."""
    return str(dataset.loc[dataset["part"] != "test", time].max().isoformat())


def _probability(artifact: Artifact) -> Callable[[NDArray[np.float32]], Floats]:
    return lambda features: artifact.predict(features, ROUND_FEATURES)["probability"].astype(np.float64)


def _scores(artifact: Artifact) -> Callable[[NDArray[np.float32]], Floats]:
    return lambda features: artifact.predict(features, PLAYER_FEATURES)["scores"].astype(np.float64)


def _rival(
    models: ModelStore,
    champion: ModelVersion | None,
    predict: Callable[[Artifact], Callable[[NDArray[np.float32]], Floats]],
    time: pd.Series | None = None,
) -> Rival | None:
    """The champion as a rival; ``time`` of the test rows tells which of them it learned from."""
    if champion is None:
        return None
    unseen, learned_until = None, champion.tags.get("learned_until")
    if time is not None and learned_until is not None:
        unseen = (time > pd.Timestamp(learned_until)).to_numpy(dtype=bool)
    return Rival(champion.version, predict(models.fetch(champion)), unseen)


def _figures(found: Evidence) -> dict[str, bytes]:
    """The figures of a model as PNG, by file name."""
    drawn: dict[str, bytes] = {}
    tiers = found.model == PLAYER_CLASSIFIER
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figure.png"
        if found.reliability is not None and found.probability is not None:
            reliability.write_figure(
                path,
                found.reliability,
                found.probability,
                title=found.model,
                ece=found.metrics["ece"],
                predicted="Predicted probability of the likeliest tier"
                if tiers
                else "Predicted probability that CT win",
                observed="Share of players in that tier" if tiers else "Share of rounds CT won",
            )
            drawn["reliability.png"] = path.read_bytes()
        if found.by_rounds is not None and found.min_rounds is not None:
            rounds_seen.write_figure(path, found.by_rounds, found.min_rounds, title=f"{found.model}, test part")
            drawn["by_rounds.png"] = path.read_bytes()
    return drawn


def _register(judged: _Judged, registry: Registry, *, seed: int, tags: Mapping[str, str]) -> Release:
    about = _about(judged, seed, tags)
    written = card.render(judged.found, judged.decision, about)
    figures = _figures(judged.found)
    version = runs.record(
        registry.tracking_uri,
        _run(judged, about, {"model_card.md": written, **figures}, tags),
        artifact_root=registry.artifact_root,
    )
    if not judged.decision.promote:
        reason = " ".join(judged.decision.reasons)
        promotion.refuse(registry.tracking_uri, version, reason=reason, by=tags.get("dagster_run_id"))
    return Release(version, judged.decision, judged.found, figures, written)


def _about(judged: _Judged, seed: int, tags: Mapping[str, str]) -> card.About:
    model, dataset = judged.model, judged.dataset
    return card.About(
        source=_source(dataset).capitalize(),
        parts=card.parts_of(dataset, group=model.group, time=model.time),
        groups=model.groups,
        dataset_digest=digest(dataset),
        model_digest=model_digest(judged.training.folder),
        command=f"CS2_SEED={seed} {model.command}{' --published' if _source(dataset) == PUBLISHED else ''}",
        intended_use=model.intended_use,
        limits=model.limits,
        choice=(
            f"Chosen on matches left out: {judged.training.chosen.name}. "
            f"Learned from matches since {judged.learned_since:%Y-%m-%d}."
        ),
        params={"seed": seed, **judged.training.chosen.params},
        git_commit=tags.get("git_commit"),
        source_watermark=watermark(dataset, model.time),
    )


def _run(
    judged: _Judged, about: card.About, files: Mapping[str, str | bytes], tags: Mapping[str, str]
) -> runs.TrainingRun:
    decision, training, found = judged.decision, judged.training, judged.found
    tables = {"slices": found.slices, "reliability": found.reliability, "by_rounds": found.by_rounds}
    return runs.TrainingRun(
        model_name=judged.model.name,
        artifact=training.folder,
        dataset=judged.dataset,
        dataset_digest=about.dataset_digest,
        params={"chosen": training.chosen.name, **about.params},
        metrics={
            **decision.numbers,
            "train_seconds": training.train_seconds,
            "rows_train": float(training.rows),
            "rows_test": float((judged.dataset["part"] == "test").sum()),
        },
        tags={
            **tags,
            "source_watermark": str(about.source_watermark),
            "source": _source(judged.dataset),
            "learned_since": judged.learned_since.isoformat(),
            "learned_until": _learned_until(judged.dataset, judged.model.time),
            "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "model_digest": about.model_digest,
            "decision": PROMOTE if decision.promote else REFUSE,
            "decision_reason": " ".join(decision.reasons),
            "compared_with": judged.champion.version if judged.champion is not None else "",
        },
        files={
            **files,
            "promotion.md": decision.report,
            "audit.md": judged.audit.to_markdown(),
            **{f"{name}.csv": table.to_csv(index=False) for name, table in tables.items() if table is not None},
        },
        candidates=tuple(
            runs.Candidate(
                one.name,
                one.params,
                {
                    "validation_log_loss": one.log_loss,
                    "validation_log_loss_required": one.log_loss_required,
                    "train_seconds": one.train_seconds,
                },
            )
            for one in training.candidates
        ),
    )
