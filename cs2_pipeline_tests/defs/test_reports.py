"""The report on the data, on a real small platform: what is there, what is refused, what is in quarantine."""

import dagster as dg
import pandas as pd

from cs2_pipeline.defs.assets import reports as assets
from cs2_pipeline.defs.verdicts import State, Verdict
from cs2_pipeline.records import reports
from cs2_pipeline.records.database import open_records
from cs2_pipeline_tests.defs.conftest import DAYS


def test_the_report_counts_what_is_stored_and_names_what_nothing_learns_from(extracted):
    world = extracted
    bad = pd.DataFrame([{"table": "Kills", "row_id": 7, "reason": "value missing", "detail": "Weapon"}])
    world.platform.tables.write("refused/rounds", bad, DAYS[1])
    matches = int(world.platform.tables.read("matches", [DAYS[2]])["match_id"].iloc[0])
    world.verdicts.pronounce("rounds", DAYS[3], Verdict(State.QUARANTINED, ("scores",)))
    world.verdicts.pronounce("rounds", DAYS[2], Verdict(State.PASSED, matches={matches: ("sides",)}))

    found = assets.data(world.platform.tables)

    assert found["sources"] == [{"kind": "simulated matches", "share": 1.0}]
    assert (found["matches"], found["mixed"]) == (8, None)
    assert (found["first_day"], found["last_day"]) == (DAYS[0], DAYS[3])
    assert found["watermark"]["demo_id"] == 8
    rounds = next(one for one in found["tables"] if one["table"] == "rounds")
    assert rounds["rows"] == len(world.platform.tables.read("rounds"))
    assert rounds["refused"] == [{"reason": "value missing", "rows": 1}]
    assert found["refused"][0]["row"] == "Kills 7"
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
    assert dg.materialize([made], resources=resources, instance=extracted.instance).success
    records = open_records(extracted.settings)
    assert reports.newest(records, reports.DATA).body["matches"] == 8
    for spec in watched:
        assert reports.newest(records, reports.monitoring(spec.name)).body == look | {"note": spec.name}
    records.close()
