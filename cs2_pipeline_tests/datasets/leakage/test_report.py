"""What an audit says: which findings refuse a table, in words, rows and Markdown."""

import pytest

from cs2_pipeline.datasets.leakage.report import AuditReport, Finding, finding, listed

FOUND = (
    finding("a", "one", False, "Nothing.", {"limit": 1}),
    finding("b", "two", True, "It tells.", {"auc": 0.9, "limit": 0.8}),
    Finding("c", "three", "note", "Worth knowing."),
)


def test_a_table_is_refused_by_what_failed_alone():
    report = AuditReport("round_dataset", FOUND)
    assert not report.passed
    assert report.failures == ["(b) It tells."]
    assert AuditReport("round_dataset", (FOUND[0], FOUND[2])).passed


def test_every_number_has_its_row_and_a_finding_without_one_has_a_row_too():
    frame = AuditReport("round_dataset", FOUND).to_frame()
    assert frame[["check", "severity", "number"]].to_numpy().tolist() == [
        ["a", "pass", "limit"], ["b", "fail", "auc"], ["b", "fail", "limit"], ["c", "note", ""],
    ]  # fmt: skip
    assert frame["value"].tolist()[:3] == [1.0, 0.9, 0.8]
    assert frame["value"].isna().tolist() == [False, False, False, True]


def test_the_report_reads_as_verdict_findings_and_numbers():
    text = AuditReport("round_dataset", FOUND).to_markdown()
    assert text.startswith("Leakage audit of `round_dataset`: **failed**.\n")
    assert "| b | two | fail | It tells. |" in text
    assert "| b | auc | 0.9 |" in text
    assert "`: passed." in AuditReport("round_dataset", FOUND[:1]).to_markdown()


@pytest.mark.parametrize(
    ("count", "said"), [(1, "x0"), (5, "x0, x1, x2, x3, x4"), (6, "x0, x1, x2, x3, x4 and 1 more")]
)
def test_of_many_names_the_first_five_are_given(count, said):
    assert listed([f"x{number}" for number in range(count)]) == said
