"""The account of rows left out: counted by reason, and the wrong ones kept with what is wrong."""

import pandas as pd

from cs2_pipeline.demodb.extraction import reasons
from cs2_pipeline.demodb.extraction.reasons import Tally

AT = pd.Timestamp("2026-03-01", tz="UTC")
ROWS = pd.DataFrame({"round_id": [30, 10, 20], "started_at": AT}, index=[7, 8, 9])
OUT = pd.Series([True, False, True], index=ROWS.index)


def test_rows_left_out_are_counted_under_their_reason_and_the_others_go_on():
    tally = Tally()
    assert tally.leave_out(ROWS, OUT, reasons.WARM_UP)["round_id"].tolist() == [10]
    assert tally.leave_out(ROWS, OUT, reasons.WARM_UP)["round_id"].tolist() == [10]
    assert tally.leave_out(ROWS, ~OUT, reasons.KNIFE_ROUND)["round_id"].tolist() == [30, 20]
    assert tally.left_out == {reasons.WARM_UP: 4, reasons.KNIFE_ROUND: 1}
    assert tally.refused().empty


def test_where_nothing_is_left_out_no_reason_is_named():
    tally = Tally()
    assert tally.leave_out(ROWS, OUT & False, reasons.WARM_UP) is ROWS
    assert tally.refuse(ROWS, OUT & False, reasons.NO_WINNER, table="Rounds", key="round_id", detail="x") is ROWS
    assert (tally.left_out, len(tally.refused())) == ({}, 0)


def test_rows_refused_are_counted_and_kept_each_with_its_own_detail_in_a_stable_order():
    tally = Tally()
    detail = pd.Series(["first", "second", "third"], index=ROWS.index)
    where = {"table": "Rounds", "key": "round_id"}
    assert tally.refuse(ROWS, OUT, reasons.NO_WINNER, detail=detail, **where)["round_id"].tolist() == [10]
    tally.refuse(ROWS, ~OUT, reasons.NO_WINNER, detail="all the same", **where)
    assert tally.left_out == {reasons.NO_WINNER: 3}
    refused = tally.refused()
    assert list(refused.columns) == list(reasons.REFUSED_COLUMNS)
    assert refused[["table", "row_id", "reason", "detail"]].to_numpy().tolist() == [
        ["Rounds", 10, reasons.NO_WINNER, "all the same"],
        ["Rounds", 20, reasons.NO_WINNER, "third"],
        ["Rounds", 30, reasons.NO_WINNER, "first"],
    ]
    assert (refused["started_at"] == AT).all()


def test_rows_noted_are_kept_and_not_counted():
    tally = Tally()
    tally.note(ROWS, reasons.DUPLICATE_DEMO, table="DemoFiles", key="round_id", detail="a copy")
    assert (tally.left_out, tally.refused()["row_id"].tolist()) == ({}, [10, 20, 30])


def test_an_empty_account_has_the_types_of_a_full_one():
    tally, full = Tally(), Tally()
    full.note(ROWS, reasons.NO_WINNER, table="Rounds", key="round_id", detail="x")
    assert tally.refused().dtypes.astype(str).drop("started_at").tolist() == (
        full.refused().dtypes.astype(str).drop("started_at").tolist()
    )


def test_what_a_whole_recording_loses_too_is_no_reason_for_too_little():
    assert {reasons.WARM_UP, reasons.KNIFE_ROUND, reasons.BOT, reasons.SECOND_RECORD} <= reasons.EXPECTED
    assert not {reasons.NO_EVENTS, reasons.NO_ECONOMY, reasons.TEAM_INCOMPLETE, reasons.NO_WINNER} & reasons.EXPECTED
