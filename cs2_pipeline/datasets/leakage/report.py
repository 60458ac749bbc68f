"""What an audit says: findings, and the report of one table. No rule about tables stands here."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

Severity = Literal["pass", "note", "fail"]


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        check: its letter, "a" to "j".
        title: what was looked for.
        severity: "fail" refuses the table, "note" is worth knowing, "pass" is nothing found.
        sentence: what was found, in words with the numbers that matter.
        numbers: every number of the check by name.
    """

    check: str
    title: str
    severity: Severity
    sentence: str
    numbers: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class AuditReport:
    """All findings on one table."""

    table: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether no finding refuses the table."""
        return not self.failures

    @property
    def failures(self) -> list[str]:
        """The sentences of the findings that refuse the table, each with its check's letter."""
        return [f"({found.check}) {found.sentence}" for found in self.findings if found.severity == "fail"]

    def to_frame(self) -> pd.DataFrame:
        """One row per finding and number: check, title, severity, sentence, number, value."""
        rows = []
        for found in self.findings:
            about = {name: value for name, value in asdict(found).items() if name != "numbers"}
            rows += [
                {**about, "number": name, "value": value} for name, value in (found.numbers or {"": np.nan}).items()
            ]
        return pd.DataFrame(rows)

    def to_markdown(self) -> str:
        """The verdict, a table of findings, and the numbers."""
        verdict = "passed" if self.passed else "**failed**"
        lines = [
            f"Leakage audit of `{self.table}`: {verdict}.",
            "",
            "| | Check | Result | Finding |",
            "|---|---|---|---|",
        ]
        lines += [f"| {f.check} | {f.title} | {f.severity} | {f.sentence} |" for f in self.findings]
        lines += ["", "| | Number | Value |", "|---|---|---|"]
        lines += [f"| {f.check} | {name} | {value:.6g} |" for f in self.findings for name, value in f.numbers.items()]
        return "\n".join(lines) + "\n"


def listed(names: Sequence[str], most: int = 5) -> str:
    """Names for a sentence, the first few of them."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def finding(check: str, title: str, failed: bool, sentence: str, numbers: Mapping[str, float]) -> Finding:
    """A finding that fails or passes."""
    severity: Severity = "fail" if failed else "pass"
    return Finding(check, title, severity, sentence, {name: float(value) for name, value in numbers.items()})
