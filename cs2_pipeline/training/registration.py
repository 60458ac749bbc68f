"""The last stop of a training table's way: a judged model becomes a registered version with card and figures."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cs2_pipeline.artifact.artifact import model_digest
from cs2_pipeline.datasets.digest import digest
from cs2_pipeline.evaluation import card, reliability, rounds_seen
from cs2_pipeline.evaluation.evidence import Evidence
from cs2_pipeline.evaluation.promotion import Decision
from cs2_pipeline.models.training import Candidate
from cs2_pipeline.registry import promotion, runs
from cs2_pipeline.registry.champion import ModelStore, ModelVersion
from cs2_pipeline.training import provenance
from cs2_pipeline.training.stops import Judged

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


def register(judged: Judged, registry: Registry, *, seed: int, tags: Mapping[str, str], began: float) -> Release:
    """Log the training with all that was found, register its version, and note the refusal of one that is refused.

    Raises:
        RegistryUnavailableError: MLflow does not answer; nothing is registered.
    """
    about = _about(judged, seed, tags)
    written = card.render(judged.evidence, judged.decision, about)
    figures = _figures(judged)
    version = runs.record(
        registry.tracking_uri,
        replace(run_of(judged, about, {"model_card.md": written, **figures}, tags), began=began),
        artifact_root=registry.artifact_root,
    )
    if not judged.decision.promote:
        reason = " ".join(judged.decision.reasons)
        promotion.refuse(registry.tracking_uri, version, reason=reason, by=tags.get("dagster_run_id"))
    return Release(version, judged.decision, judged.evidence, figures, written)


def _figures(judged: Judged) -> dict[str, bytes]:
    """The figures of a model as PNG, by file name."""
    found, drawn = judged.evidence, {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figure.png"
        if found.reliability is not None and found.probability is not None:
            predicted, observed = judged.spec.drawn
            reliability.write_figure(
                path,
                found.reliability,
                found.probability,
                title=found.model,
                ece=found.metrics["ece"],
                predicted=predicted,
                observed=observed,
            )
            drawn["reliability.png"] = path.read_bytes()
        if found.by_rounds is not None and found.min_rounds is not None:
            rounds_seen.write_figure(path, found.by_rounds, found.min_rounds, title=f"{found.model}, test part")
            drawn["by_rounds.png"] = path.read_bytes()
    return drawn


def _about(judged: Judged, seed: int, tags: Mapping[str, str]) -> card.About:
    spec, dataset, source = judged.spec, judged.dataset, provenance.source(judged.dataset)
    learned_from = provenance.learned_from(dataset)
    return card.About(
        source=f"Learned from {learned_from}",
        parts=card.parts_of(dataset, group=spec.group, time=spec.time),
        groups=spec.groups,
        dataset_digest=digest(dataset),
        model_digest=model_digest(judged.training.folder),
        command=f"CS2_SEED={seed} cs2 train {spec.command}{' --published' if source != provenance.DATABASE else ''}",
        intended_use=spec.intended_use,
        limits=spec.limits,
        choice=(
            f"Chosen on matches left out: {judged.training.chosen.name}. "
            f"Learned from matches since {judged.learned_since:%Y-%m-%d}."
        ),
        params={"seed": seed, **judged.training.chosen.params},
        git_commit=tags.get("git_commit"),
        source_watermark=provenance.watermark(dataset, spec.time),
    )


def run_of(
    judged: Judged, about: card.About, files: Mapping[str, str | bytes], tags: Mapping[str, str]
) -> runs.TrainingRun:
    """All that MLflow keeps of a training."""
    decision, training, found = judged.decision, judged.training, judged.evidence
    tables = {"slices": found.slices, "reliability": found.reliability, "by_rounds": found.by_rounds}
    return runs.TrainingRun(
        model_name=judged.spec.name,
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
            "seed": str(about.params["seed"]),
            "source_watermark": str(about.source_watermark),
            "source": provenance.source(judged.dataset),
            "learned_from": provenance.learned_from(judged.dataset),
            "learned_since": judged.learned_since.isoformat(),
            "learned_until": provenance.learned_until(judged.dataset, judged.spec.time),
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
        candidates=tuple(_candidate(one) for one in training.candidates),
        verdict="earned promotion" if decision.promote else "refused",
        curves=training.curves,
    )


def _candidate(one: Candidate) -> runs.Candidate:
    """A candidate as a nested run."""
    metrics = {
        "validation_log_loss": one.log_loss,
        "validation_log_loss_required": one.log_loss_required,
        "train_seconds": one.train_seconds,
    }
    return runs.Candidate(one.name, one.params, metrics, one.curves)
