"""The report on the data, on a real small platform: what is there, what is refused, what is in quarantine."""

import dagster as dg
import pandas as pd
import pytest

from cs2_pipeline.datasets.store import TableStore
from cs2_pipeline.defs import left_out
from cs2_pipeline.defs.assets import reports as assets
from cs2_pipeline.defs.verdicts import DAILY_TABLES, State, Verdict
from cs2_pipeline.demodb.extraction import reasons
from cs2_pipeline.demodb.extraction.watermark import Watermark
from cs2_pipeline.records import reports
from cs2_pipeline.records.database import open_records
from cs2_pipeline_tests.defs.conftest import DAYS, FIRST


def test_the_report_counts_what_is_stored_and_names_what_nothing_learns_from(extracted):
    world = extracted
    bad = pd.DataFrame([{"table": "Kills", "row_id": 7, "reason": "value missing", "detail": "Weapon"}])
    world.platform.tables.write("refused/rounds", bad, DAYS[1])
    later = pd.concat([bad.assign(row_id=8), bad.assign(row_id=9, reason="tick rate unknown")])
    world.platform.tables.write("refused/matches", later, DAYS[2])
    matches = int(world.platform.tables.read("matches", [DAYS[2]])["match_id"].iloc[0])
    world.verdicts.pronounce("rounds", DAYS[3], Verdict(State.QUARANTINED, ("scores",)))
    world.verdicts.pronounce("rounds", DAYS[2], Verdict(State.PASSED, matches={matches: ("sides",)}))

    world.verdicts.withdraw("rounds", DAYS[0])

    found = assets.data(world.platform.tables)

    assert found["sources"] == [{"kind": "simulated matches", "share": 1.0}]
    assert (found["matches"], found["mixed"]) == (8, None)
    assert (found["first_day"], found["last_day"]) == (DAYS[0], DAYS[3])
    assert found["watermark"]["demo_id"] == 8
    rounds = next(one for one in found["tables"] if one["table"] == "rounds")
    assert rounds["rows"] == len(world.platform.tables.read("rounds"))
    assert rounds["refused"] == [{"reason": "value missing", "rows": 1}]
    assert found["refused_rows"] == 3
    assert [one["row"] for one in found["refused"]] == ["Kills 8", "Kills 9", "Kills 7"], "the newest day first"
    assert found["refused"][2] == {
        "table": "rounds", "day": DAYS[1], "row": "Kills 7", "reason": "value missing", "detail": "Weapon",
    }  # fmt: skip
    assert (rounds["days"], found["unchecked"]) == (4, [DAYS[0]])
    assert [one["day"] for one in found["quarantine"]] == [DAYS[3]]
    assert "scores" in found["quarantine"][0]["why"]
    assert [(one["day"], one["match_id"]) for one in found["matches_left_out"]] == [(DAYS[2], matches)]


def test_where_nothing_was_extracted_the_report_says_so(world):
    found = assets.data(world.platform.tables)
    assert (found["matches"], found["sources"], found["watermark"]) == (0, [], None)
    assert all(one["days"] == 0 for one in found["tables"])


def test_the_asset_puts_the_report_and_the_latest_look_where_the_gateway_reads_them(extracted):
    look = {"version": "3", "note": "nothing yet", "alarms": {}, "calibration": None, "drift": None}
    watched = assets.monitoring.watched()
    for spec in watched:
        extracted.platform.tables.write_json(spec.monitoring, look | {"note": spec.name})
    made = assets.build()[0]
    resources = {"platform": extracted.platform}
    assert made.node_def.compute_fn is not None
    left_out.keep(extracted.platform.tables, "rounds", [FIRST], {reasons.WARM_UP: 2, reasons.NO_EVENTS: 5})
    run = dg.materialize([made], resources=resources, instance=extracted.instance)
    (event,) = run.asset_materializations_for_node(assets.NAME)
    assert {name: value.value for name, value in event.metadata.items()} == {
        "matches": 8, "refused_rows": 0, "days_in_quarantine": 0, "matches_left_out": 0, "looks": len(watched),
    }  # fmt: skip
    records = open_records(extracted.settings)
    body = reports.newest(records, reports.DATA).body
    assert body["matches"] == 8
    rounds = next(one for one in body["tables"] if one["table"] == "rounds")
    expected = {one["reason"]: one["expected"] for one in rounds["left_out"]}
    assert (expected[reasons.WARM_UP], expected[reasons.NO_EVENTS]) == (True, False)
    for spec in watched:
        assert reports.newest(records, reports.monitoring(spec.name)).body == look | {"note": spec.name}
    records.close()


def test_of_a_platform_without_data_the_report_says_that_there_is_none(tmp_path):
    found = assets.data(TableStore(str(tmp_path)))
    tables = found.pop("tables")
    assert found == {
        "matches": 0, "sources": [], "mixed": None, "first_day": None, "last_day": None, "watermark": None,
        "refused_rows": 0, "refused": [], "quarantine": [], "matches_left_out": [], "unchecked": [],
    }  # fmt: skip
    assert tables == [
        {"table": table, "days": 0, "rows": 0, "left_out": [], "refused": []} for table in DAILY_TABLES
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("marks", "newest"),
    [((None,), None), ((3,), 3), ((3, 9, 5), 9), ((9, 3), 9), ((3, None, 9), 9)],
)  # fmt: skip
def test_what_was_seen_is_the_newest_demo_that_any_table_of_any_day_has_seen(marks, newest):
    by_day = {
        f"2026-01-0{day}": {"rounds": Verdict(watermark=Watermark(mark) if mark else None)}
        for day, mark in enumerate(marks, 1)
    }
    found = assets._watermark(by_day)
    assert found == (None if newest is None else {"demo_id": newest, "parsed_at": None})


def test_refused_rows_are_counted_all_and_fifty_of_the_newest_days_shown(tmp_path):
    tables = TableStore(str(tmp_path))
    for number, day in enumerate(DAYS[:2]):
        rows = [{"table": "Kills", "row_id": 100 * number + row, "reason": "r", "detail": "d"} for row in range(51)]
        tables.write("refused/rounds", pd.DataFrame(rows), day)
    found = assets.data(tables)
    assert (found["refused_rows"], len(found["refused"])) == (102, 50)
    assert {row["day"] for row in found["refused"]} == {DAYS[1]}
