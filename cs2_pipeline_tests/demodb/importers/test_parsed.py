"""What importers need of a recording, whichever parser read it: its events in order, and its last tick."""

import pandas as pd
import pytest

from cs2_pipeline.demodb.importers.parsed import STATE_COLUMNS, DemoHeader, ParsedDemo


def demo(total_ticks=0, states=None, **events):
    frames = {name: pd.DataFrame(rows) for name, rows in events.items()}
    more = {} if states is None else {"states": pd.DataFrame(states)}
    return ParsedDemo("events", DemoHeader(), frames, total_ticks=total_ticks, **more)


def ticks(*numbers):
    return [{"tick": number, "place": place} for place, number in enumerate(numbers)]


def test_events_come_in_the_order_of_their_ticks_and_of_one_tick_as_they_were_written():
    found = demo(kill=ticks(30, 10, 30, 20)).event("kill")
    assert found["place"].tolist() == [1, 3, 0, 2]
    assert demo(kill=ticks(30, 10)).ticks("kill") == [10, 30]


@pytest.mark.parametrize("frames", [{}, {"kill": [{"weapon": "awp"}]}])
def test_events_that_are_not_there_or_have_no_tick_are_none(frames):
    empty = demo(**frames)
    assert empty.ticks("kill") == []
    assert empty.between("kill", 0, 100) == []
    assert list(empty.event("kill")) == ["tick"]


def test_events_between_two_ticks_have_the_first_and_not_the_last():
    played = demo(kill=ticks(30, 10, 20, 29))
    for _ in range(2):  # sorted once and kept
        assert [row["tick"] for row in played.between("kill", 10, 30)] == [10, 20, 29]
    assert [row["tick"] for row in played.between("kill", 11, 31)] == [20, 29, 30]
    assert played.between("hurt", 0, 99) == []


@pytest.mark.parametrize(
    ("made", "last"),
    [
        (demo(), 0), (demo(50), 50), (demo(50, kill=ticks(60, 10)), 60), (demo(70, kill=ticks(60)), 70),
        (demo(kill=ticks(60), server_cvar=[{"name": "mp_maxrounds", "value": "24"}]), 60),
        (demo(kill=ticks(60), hurt=[]), 60), (demo(kill=ticks(60), states=ticks(80)), 80),
        (demo(kill=[{"tick": -5}]), 0),
    ],
)  # fmt: skip
def test_the_last_tick_is_the_latest_of_which_anything_is_known(made, last):
    assert made.last_tick == last


def test_without_states_their_columns_are_there():
    assert list(demo().states) == list(STATE_COLUMNS)
    assert (demo().game, demo().lacks, demo().started, demo().ended, demo().damage) == (
        "cs2",
        frozenset(),
        None,
        False,
        {},
    )
