"""Reports: the newest of each name is kept, with the time at which it was made."""

from datetime import UTC, datetime, timedelta

from cs2_pipeline.records import reports

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_report_takes_the_place_of_the_former_one_of_its_name(records):
    assert reports.newest(records, reports.DATA) is None
    reports.replace(records, reports.DATA, {"matches": 1}, at=NOW)
    reports.replace(records, reports.monitoring("round_predictor"), {"version": "1"}, at=NOW)
    reports.replace(records, reports.DATA, {"matches": 2}, at=NOW + timedelta(days=1))
    found = reports.newest(records, reports.DATA)
    assert (found.body, found.made_at) == ({"matches": 2}, NOW + timedelta(days=1))
    assert reports.newest(records, reports.monitoring("round_predictor")).body == {"version": "1"}
