"""The promotion rule: which candidate becomes champion.

`decide` lists every condition with its numbers, met or not, and promotes only when all are met. It decides on
evidence that others gathered (audit, laws, metrics, slices, comparisons) and computes no metric itself.

**Harm.** The paired difference of log losses, candidate minus champion on the same test rows, must lie below zero
with its whole 95 % interval: its mean is then an improvement and harm is excluded. Training again on the same
data gives a difference of zero, which is no improvement: the champion stays. `Requirements.harm_margin` loosens the
second half for whoever wants faster turnover; by default nothing that may be harm passes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from cs2_pipeline.artifact.spec import Requirements
from cs2_pipeline.evaluation.evidence import Evidence
from cs2_pipeline.stats.intervals import flatten


@dataclass(frozen=True)
class Condition:
    """One condition of the rule: its name, whether it is met, and a sentence with the numbers."""

    name: str
    met: bool
    sentence: str


@dataclass(frozen=True)
class Decision:
    """What was decided and why.

    Attributes:
        promote: whether every condition is met.
        conditions: all of them, in the order of the rule.
        reasons: the sentences of those not met; for a promoted candidate, of those that speak for it.
        numbers: the figures the decision rests on, by name.
        report: the decision as Markdown.
    """

    promote: bool
    conditions: tuple[Condition, ...]
    reasons: tuple[str, ...]
    numbers: dict[str, float] = field(repr=False)
    report: str = field(repr=False)


def decide(evidence: Evidence, requirements: Requirements) -> Decision:
    """Whether the candidate becomes champion. A number that could not be computed (NaN) never meets a condition."""
    conditions = (
        _audit(evidence),
        _inputs(evidence),
        _laws(evidence),
        _calibration(evidence, requirements),
        _slices(evidence.slices, requirements),
        _baseline(evidence, requirements),
        *_champion(evidence, requirements),
    )
    failed = tuple(condition.sentence for condition in conditions if not condition.met)
    reasons = failed or tuple(c.sentence for c in conditions if c.name.startswith("better than"))
    numbers = _numbers(evidence)
    return Decision(not failed, conditions, reasons, numbers, _report(evidence, conditions, promote=not failed))


def _audit(evidence: Evidence) -> Condition:
    name = "leakage audit"
    if evidence.audit is None:
        return Condition(name, False, "The leakage audit did not run, so nothing says the test figures are honest.")
    if evidence.audit:
        return Condition(name, False, "The leakage audit failed: " + " ".join(evidence.audit))
    return Condition(name, True, "The leakage audit found nothing.")


def _inputs(evidence: Evidence) -> Condition:
    name = "inputs that vary"
    if evidence.constant_inputs:
        named = ", ".join(
            f"{column} (never known)" if math.isnan(value) else f"{column} (always {value:g})"
            for column, value in evidence.constant_inputs.items()
        )
        return Condition(
            name,
            False,
            f"In training some inputs never varied, so that nothing is known of what they mean: {named}. "
            "`cs2 doctor` says whether the demo database holds them.",
        )
    if evidence.ignored_inputs:
        named = ", ".join(evidence.ignored_inputs)
        return Condition(name, True, f"Every input that the model reads varied in training; it ignores {named}.")
    return Condition(name, True, "Every input that applications give varied in training.")


def _laws(evidence: Evidence) -> Condition:
    name = "laws of the game"
    if not evidence.laws:
        return Condition(name, False, "The laws of the game were not checked.")
    broken = [law for law in evidence.laws if not law.holds]
    if broken:
        sentences = " ".join(law.sentence for law in broken)
        return Condition(name, False, f"{len(broken)} of {len(evidence.laws)} laws are broken: {sentences}")
    return Condition(name, True, f"All {len(evidence.laws)} laws hold.")


def _calibration(evidence: Evidence, requirements: Requirements) -> Condition:
    found, floor = evidence.metrics["ece"], evidence.ece_floor
    limit, why = requirements.max_ece, ""
    if requirements.allow_ece_floor and floor is not None and floor.high > limit:
        limit, why = floor.high, " (what a perfectly calibrated model can show on so few rows)"
    bias = "" if floor is None else f" A perfectly calibrated model would show {floor.value:.4f} on this sample."
    met = found.value <= limit
    relation = "at most" if met else "above"
    return Condition("calibration", met, f"The calibration error (ECE) is {found}, {relation} {limit:g}{why}.{bias}")


def _slices(slices: pd.DataFrame | None, requirements: Requirements) -> Condition:
    if slices is None:
        return Condition("slices", False, "The slices were not looked at.")
    judged = slices[slices[requirements.unit] >= requirements.min_slice_size]
    limit = requirements.max_gap
    inside = (judged["gap_low"] <= limit) & (judged["gap_high"] >= -limit)
    named = f"{len(judged)} slices of at least {requirements.min_slice_size} {requirements.unit}"
    few = len(slices) - len(judged)
    unjudged = f" {few} smaller slices were not judged." if few else ""
    if inside.all():
        return Condition(
            "slices", True, f"In none of {named} is the mean prediction surely off by more than {limit:g}.{unjudged}"
        )
    described = "; ".join(
        f"{row['slice']} = {row['value']}: {row['gap']:+.4f} [{row['gap_low']:+.4f}, {row['gap_high']:+.4f}]"
        for _, row in judged[~inside].iterrows()
    )
    return Condition(
        "slices",
        False,
        f"In {(~inside).sum()} of {named} the 99 % interval of mean prediction minus mean outcome lies wholly "
        f"outside ±{limit:g}: {described}.{unjudged}",
    )


def _baseline(evidence: Evidence, requirements: Requirements) -> Condition:
    difference, name = evidence.against_baseline, f"better than {evidence.baseline}"
    against = f"log loss minus that of {evidence.baseline} on the same rows is {difference:+.5f}"
    if difference.high < 0:
        return Condition(name, True, f"The {against}: better, and surely so.")
    margin = requirements.baseline_margin
    if margin and difference.high <= margin:
        return Condition(name, True, f"The {against}: not surely better, but surely not worse by {margin:g}.")
    if difference.value < 0:
        return Condition(name, False, f"The {against}: the interval does not exclude that the baseline is as good.")
    return Condition(name, False, f"The {against}: it does not beat the baseline.")


def _champion(evidence: Evidence, requirements: Requirements) -> tuple[Condition, ...]:
    difference = evidence.against_champion
    if difference is None:
        return ()
    who = f"the champion (version {evidence.champion})" if evidence.champion else "the champion"
    if math.isnan(difference.value):
        why = f"The test part holds no matches that {who} did not learn from, so the two cannot be compared."
        return (Condition("better than the champion", False, why),)
    against = f"log loss minus that of {who} on the same rows is {difference:+.5f}"
    improves = difference.value < 0
    harmless = difference.high <= requirements.harm_margin
    margin = f" by more than {requirements.harm_margin:g}" if requirements.harm_margin else ""
    return (
        Condition(
            "better than the champion",
            improves,
            f"The {against}: an improvement." if improves else f"No improvement over {who}: the {against}.",
        ),
        Condition(
            "no harm against the champion",
            harmless,
            f"Harm{margin} is excluded: the interval ends at {difference.high:+.5f}."
            if harmless
            else f"No sure improvement over {who}: the interval of the difference reaches {difference.high:+.5f}, "
            "so harm is not excluded.",
        ),
    )


def _numbers(evidence: Evidence) -> dict[str, float]:
    compared = {"against_baseline": evidence.against_baseline}
    if evidence.against_champion is not None:
        compared["against_champion"] = evidence.against_champion
    if evidence.ece_floor is not None:
        compared["test_ece_floor"] = evidence.ece_floor
    required = evidence.metrics_required_only or {}
    answers = {} if evidence.min_rounds is None else {"min_rounds": float(evidence.min_rounds)}
    counts = {
        "audit_findings": math.nan if evidence.audit is None else float(len(evidence.audit)),
        "laws_broken": math.nan if evidence.laws is None else float(sum(not law.holds for law in evidence.laws)),
    }
    return (
        flatten(evidence.metrics, "test_")
        | flatten(evidence.baseline_metrics, "baseline_")
        | flatten(required, "test_required_only_")
        | flatten(compared)
        | answers
        | counts
    )


def _report(evidence: Evidence, conditions: Sequence[Condition], *, promote: bool) -> str:
    lines = [
        f"# {evidence.model}: {'promoted' if promote else 'not promoted'}",
        "",
        "| Condition | Met | Numbers |",
        "|---|---|---|",
        *(f"| {c.name} | {'yes' if c.met else '**no**'} | {cell(c.sentence)} |" for c in conditions),
    ]
    if evidence.against_champion is None:
        lines += ["", "There was no champion to compare with."]
    lines += ["", "## Test metrics", "", *metrics_table(evidence)]
    if evidence.laws:
        lines += [
            "",
            "## Laws",
            "",
            *(f"- {'holds' if law.holds else '**broken**'}: {law.sentence}" for law in evidence.laws),
        ]
    return "\n".join([*lines, ""])


def metrics_table(evidence: Evidence) -> list[str]:
    """Lines of a Markdown table: each metric with its interval, the candidate's beside the baseline's."""
    columns = {evidence.model: evidence.metrics, evidence.baseline: evidence.baseline_metrics}
    if evidence.metrics_required_only is not None:
        columns[f"{evidence.model}, required inputs only"] = evidence.metrics_required_only
    rows = [
        f"| {name} | " + " | ".join(str(figures.get(name, "–")) for figures in columns.values()) + " |"
        for name in evidence.metrics
    ]
    return [f"| Metric | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|", *rows]


def cell(text: str) -> str:
    """A text as the content of a Markdown table's cell."""
    return text.replace("|", "\\|").replace("\n", " ")
