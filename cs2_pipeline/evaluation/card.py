"""The model card: generated from the evidence, never written by hand.

Form after Mitchell et al., Model Cards for Model Reporting, 2019: what the model is for, what it was trained on, how
good it is with intervals and by slices, which laws it obeys, its limits, and how to make it again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from cs2_pipeline.evaluation import rounds_seen
from cs2_pipeline.evaluation.evidence import Evidence
from cs2_pipeline.evaluation.promotion import Decision, cell, metrics_table


@dataclass(frozen=True)
class Part:
    """One part of the split: how many rows and groups (matches or players), and when its first and last began."""

    rows: int
    groups: int
    first: datetime
    last: datetime


@dataclass(frozen=True)
class About:
    """What the evidence does not say: where the model comes from.

    Attributes:
        source: the data in words, such as "Learned from simulated matches".
        parts: the parts of the split by name, in time order.
        groups: what is never split: "matches" or "players".
        dataset_digest, model_digest: content hashes of table and model.
        command: the one command that makes the model again.
        intended_use, limits: sentences.
        choice: how the candidate was chosen, in a sentence.
        params: the training's parameters.
    """

    source: str
    parts: Mapping[str, Part]
    groups: str
    dataset_digest: str
    model_digest: str
    command: str
    intended_use: Sequence[str]
    limits: Sequence[str]
    choice: str = ""
    params: Mapping[str, object] = field(default_factory=dict)
    git_commit: str | None = None
    source_watermark: str | None = None


def parts_of(dataset: pd.DataFrame, *, group: str, time: str) -> dict[str, Part]:
    """The parts of a training table by name, in the order in which they occur.

    Args:
        dataset: a training table with a column ``part``.
        group: the column of what is never split (``match_id``, ``steam_id``).
        time: the column of the time order (``started_at``, ``window_end``).
    """
    return {
        str(name): Part(len(rows), rows[group].nunique(), rows[time].min(), rows[time].max())
        for name, rows in dataset.groupby("part", sort=False)
    }


def render(evidence: Evidence, decision: Decision, about: About) -> str:
    """The card as Markdown."""
    sections = {
        "Intended use": _bullets(about.intended_use),
        "Data": [f"{about.source}. Split by whole {about.groups} in time order.", "", *_parts(about)],
        "Metrics on the test part": _metrics(evidence, about),
        "By rounds observed": _by_rounds(evidence),
        "Slices": _slices(evidence),
        "Laws": [f"- {'holds' if law.holds else '**broken**'}: {law.sentence}" for law in evidence.laws or ()],
        "Promotion": ["Promoted." if decision.promote else "Not promoted.", *_bullets(decision.reasons)],
        "Limits": _bullets([*_ignored(evidence), *about.limits]),
        "How to make it again": _origin(about),
    }
    lines = [f"# Model card: {evidence.model}", ""]
    if about.choice:
        lines += [about.choice, ""]
    for title, body in sections.items():
        if body:
            lines += [f"## {title}", "", *body, ""]
    return "\n".join(lines)


def _bullets(sentences: Sequence[str]) -> list[str]:
    return [f"- {sentence}" for sentence in sentences]


def _ignored(evidence: Evidence) -> list[str]:
    if not evidence.ignored_inputs:
        return []
    named = ", ".join(f"`{name}`" for name in evidence.ignored_inputs)
    return [
        f"It ignores {named}: never varied in training, so nothing could be learned. Its answers say so when given."
    ]


def _parts(about: About) -> list[str]:
    rows = [
        f"| {name} | {part.rows:,} | {part.groups:,} | {part.first:%Y-%m-%d} | {part.last:%Y-%m-%d} |"
        for name, part in about.parts.items()
    ]
    return [f"| Part | Rows | {about.groups.capitalize()} | From | To |", "|---|---|---|---|---|", *rows]


def _metrics(evidence: Evidence, about: About) -> list[str]:
    lines = [*metrics_table(evidence), "", f"In brackets: 95 % intervals by resampling whole {about.groups}."]
    if evidence.ece_floor is not None:
        lines.append(f"A perfectly calibrated model would show an ECE of {evidence.ece_floor} on this sample.")
    lines.append("The curve of observed shares against predicted ones is [reliability.png](reliability.png).")
    return lines


def _by_rounds(evidence: Evidence) -> list[str]:
    if evidence.by_rounds is None or evidence.min_rounds is None:
        return []
    told = rounds_seen.sentence(evidence.min_rounds)
    shown = "All of the test part, answered or not; drawn in [by_rounds.png](by_rounds.png)."
    return [f"{told} {shown}", "", *rounds_seen.markdown(evidence.by_rounds)]


def _slices(evidence: Evidence) -> list[str]:
    if evidence.slices is None:
        return []
    sizes = [name for name in ("rows", "rounds", "matches", "players") if name in evidence.slices]
    rows = []
    for _, row in evidence.slices.iterrows():
        gap = f"{row['gap']:+.4f} [{row['gap_low']:+.4f}, {row['gap_high']:+.4f}]"
        counts = " | ".join(f"{row[name]:,}" for name in sizes)
        means = f"{row['mean_prediction']:.3f} | {row['mean_outcome']:.3f}"
        rows.append(f"| {row['slice']} | {cell(str(row['value']))} | {counts} | {means} | {gap} |")
    titles = " | ".join(name.capitalize() for name in sizes)
    head = f"| Slice | Value | {titles} | Mean prediction | Mean outcome | Prediction minus outcome, 99 % interval |"
    return [head, "|---" * (5 + len(sizes)) + "|", *rows]


def _origin(about: About) -> list[str]:
    known = {
        "dataset digest": about.dataset_digest,
        "model digest": about.model_digest,
        "git commit": about.git_commit,
        "source watermark": about.source_watermark,
        **about.params,
    }
    rows = [f"| {name} | `{cell(str(value))}` |" for name, value in known.items() if value is not None]
    return [f"    {about.command}", "", "| What | Value |", "|---|---|", *rows]
