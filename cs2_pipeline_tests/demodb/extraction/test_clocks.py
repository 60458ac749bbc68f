"""The clocks of rounds: which rates, ticks and lengths can be, and what stands for a clock that was not recorded."""

import pandas as pd
import pytest
from sqlalchemy import create_engine

from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction import reasons
from cs2_pipeline.demodb.extraction.clocks import with_clocks, without_pauses
from cs2_pipeline.demodb.extraction.eligibility import Days
from cs2_pipeline.demodb.extraction.reasons import Tally
from cs2_pipeline.demodb.tables import GAME_EVENTS
from cs2_pipeline_tests.demodb.small_database import NOON, SmallDatabase

RATE = 64


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """A database that holds no events of freeze time."""
    with DemoDatabase(SmallDatabase().write(tmp_path_factory.mktemp("clocks") / "demos.sqlite")) as db:
        yield Days(db, NOON.date(), NOON.date())


def a_match(*, count=1, **changes):
    """Rounds of one match, 200 s apart, each 60 s long after 15 s of freeze time."""
    begins = [1_000 + 200 * RATE * number for number in range(count)]
    frame = pd.DataFrame({"round_id": range(1, count + 1), "round_number": range(1, count + 1), "start_tick": begins})
    frame = frame.assign(
        match_id=1, demo_id=1, end_tick=frame["start_tick"] + 75 * RATE, tick_rate=RATE, freeze_time=15.0,
        round_time_limit=115.0, started_at=pd.Timestamp(NOON, tz="UTC"), duration=60.0,
    )  # fmt: skip
    return frame.assign(**changes)


@pytest.mark.parametrize(
    ("rate", "kept"),
    [(0, False), (15, False), (16, True), (64, True), (128, True), (256, True), (257, False), (None, False)],
)
def test_a_server_runs_at_16_to_256_ticks_a_second(days, rate, kept):
    tally = Tally()
    found = with_clocks(days, a_match(tick_rate=pd.array([rate], dtype="Int64"), end_tick=None), tally)
    assert len(found) == kept
    assert tally.left_out == ({} if kept else {reasons.UNKNOWN_TICK_RATE: 1})


@pytest.mark.parametrize(
    ("start", "end", "kept"),
    [
        (20_000, 21_000, [1, 2]), (1_000, 9_000, [1]), (1_001, 2_000, [1, 2]), (999, 2_000, [1]),
        (20_000, 20_000, [1, 2]),
        (20_000, 19_999, [1]), (None, 21_000, [1]), (20_000, None, [1, 2]),
    ],
)  # fmt: skip
def test_ticks_run_forwards_from_round_to_round_and_within_one(days, start, end, kept):
    ticks = {"start_tick": pd.array([1_000, start], "Int64"), "end_tick": pd.array([1_000, end], "Int64")}
    tally = Tally()
    assert with_clocks(days, a_match(count=2, **ticks), tally)["round_id"].tolist() == kept
    assert tally.left_out.get(reasons.TICKS_BACKWARDS, 0) == 2 - len(kept)


def test_ticks_of_one_match_say_nothing_of_anothers(days):
    both = pd.concat([a_match(), a_match(match_id=2, demo_id=2, round_id=9)], ignore_index=True)
    assert with_clocks(days, both, Tally())["round_id"].tolist() == [1, 9]


@pytest.mark.parametrize(
    ("recorded", "seconds", "noted"),
    [
        (115.0, 115.0, None), (1.92, 115.0, reasons.CLOCK_IN_MINUTES), (10.0, 600.0, reasons.CLOCK_IN_MINUTES),
        (10.5, 10.5, None), (0.0, 115.0, reasons.CLOCK_NOT_RECORDED), (None, 115.0, reasons.CLOCK_NOT_RECORDED),
        (-1.0, 115.0, reasons.CLOCK_NOT_RECORDED),
    ],
)  # fmt: skip
def test_a_round_clock_of_ten_and_less_is_in_minutes_and_one_not_recorded_is_the_games(days, recorded, seconds, noted):
    tally = Tally()
    found = with_clocks(days, a_match(round_time_limit=pd.Series([recorded], dtype="float64"), end_tick=None), tally)
    assert found["round_time_limit"].tolist() == [seconds]
    assert tally.mapped == ({noted: 1} if noted else {})


@pytest.mark.parametrize(("recorded", "seconds"), [(20.0, 20.0), (0.0, 15.0), (None, 15.0)])
def test_a_freeze_time_not_recorded_is_the_games(days, recorded, seconds):
    tally = Tally()
    found = with_clocks(days, a_match(freeze_time=pd.Series([recorded], dtype="float64")), tally)
    assert found["freeze_time"].tolist() == [seconds]
    assert tally.mapped == ({} if recorded else {reasons.CLOCK_NOT_RECORDED: 1})


@pytest.mark.parametrize(("beyond", "kept"), [(0, 1), (1, 0)])
def test_a_round_may_end_15_seconds_after_its_clocks_and_no_tick_later(days, beyond, kept):
    """Freeze time, the round clock, the bomb's, and what some writers add before they note the end."""
    whole = round((15 + 115 + 40 + 15) * RATE)
    tally = Tally()
    assert len(with_clocks(days, a_match(end_tick=1_000 + whole + beyond), tally)) == kept
    assert tally.left_out == ({} if kept else {reasons.LONGER_THAN_CLOCKS: 1})


def test_rounds_come_back_in_the_order_of_play(days):
    frame = a_match(count=3)
    assert with_clocks(days, frame.iloc[[2, 0, 1]], Tally())["round_number"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(("duration", "kept"), [(60.0, 1), (400.0, 1), (400.1, 0)])
def test_no_round_lasts_longer_than_400_seconds_without_a_pause(days, duration, kept):
    tally = Tally()
    found = without_pauses(days, a_match(duration=duration), tally)
    assert found["duration"].tolist() == [duration] * kept
    assert tally.left_out == ({} if kept else {reasons.LONGER_THAN_CLOCKS: 1})
    assert tally.mapped == {}


START = 1_000
FREEZE_END = "round_freeze_end"


@pytest.fixture(scope="module")
def two_matches(tmp_path_factory):
    """A database of two matches with an empty table of GameEvents."""
    small = SmallDatabase()
    small.add_match(2, NOON)
    path = tmp_path_factory.mktemp("seen") / "demos.sqlite"
    engine = create_engine(small.write(path))
    GAME_EVENTS.create(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def seen(two_matches):
    """Days of a database whose GameEvents has these rows: demo, tick, name."""
    opened = []

    def write(*events):
        rows = [
            {"Id": number, "DemoFileId": demo, "Tick": tick, "EventName": name}
            for number, (demo, tick, name) in enumerate(events, 1)
        ]
        with two_matches.begin() as connection:
            connection.execute(GAME_EVENTS.delete())
            connection.execute(GAME_EVENTS.insert(), rows)
        opened.append(DemoDatabase(str(two_matches.url)))
        return Days(opened[-1], NOON.date(), NOON.date())

    yield write
    for database in opened:
        database.close()


@pytest.mark.parametrize(
    ("events", "seconds"),
    [
        ([(1, START + 20 * RATE, FREEZE_END)], 20.0), ([(1, START, FREEZE_END)], 15.0),
        ([(1, START + 20 * RATE, "round_end"), (1, START + 30 * RATE, FREEZE_END)], 30.0),
        ([(1, START + 20 * RATE, FREEZE_END), (1, START + 25 * RATE, FREEZE_END)], 20.0),
        ([(1, START - 1, FREEZE_END)], 15.0), ([(2, START + 20 * RATE, FREEZE_END)], 15.0),
        ([(1, START + 75 * RATE - 1, FREEZE_END)], 75 - 1 / RATE), ([(1, START + 75 * RATE, FREEZE_END)], 15.0),
    ],
)  # fmt: skip
def test_freeze_time_ends_where_the_first_event_of_the_demo_in_the_round_says(seen, events, seconds):
    assert with_clocks(seen(*events), a_match(), Tally())["freeze_time"].tolist() == [seconds]


def test_each_round_has_its_own_end_of_freeze_time_and_one_without_an_end_of_its_own_too(seen):
    rounds = a_match(count=3, end_tick=pd.array([START + 75 * RATE, None, START + 475 * RATE], "Int64"))
    second, third = rounds["start_tick"].tolist()[1:]
    days = seen((1, third + 17 * RATE, FREEZE_END), (1, second + 16 * RATE, FREEZE_END))
    assert with_clocks(days, rounds, Tally())["freeze_time"].tolist() == [15.0, 16.0, 17.0]


def test_a_demo_of_128_ticks_has_seconds_of_128(seen):
    days = seen((1, START + 20 * 128, FREEZE_END))
    found = with_clocks(days, a_match(tick_rate=128, end_tick=START + 75 * 128), Tally())
    assert found["freeze_time"].tolist() == [20.0]


@pytest.mark.parametrize(
    ("pause", "duration", "kept"), [(100, 450.0, 350.0), (50, 450.0, 400.0), (49, 450.0, None), (-5, 450.0, None)]
)
def test_a_pause_in_freeze_time_is_no_play(seen, pause, duration, kept):
    """Freeze time lasts 15 s: what it lasted longer was a pause."""
    days = seen((1, START + (15 + pause) * RATE, FREEZE_END))
    tally = Tally()
    found = without_pauses(days, a_match(duration=duration, end_tick=START + 465 * RATE), tally)
    assert found["duration"].tolist() == ([] if kept is None else [kept])
    assert tally.mapped == ({reasons.PAUSE: 1} if pause > 0 else {})
    assert tally.left_out == ({reasons.LONGER_THAN_CLOCKS: 1} if kept is None else {})


def test_a_long_round_without_ticks_is_left_out_and_the_others_stay_as_they_are(seen):
    rounds = a_match(count=3, duration=[60.0, 450.0, 500.0], end_tick=pd.array([None] * 3, "Int64"))
    rounds = rounds.astype({"start_tick": "Int64"})
    rounds.loc[1, "start_tick"] = pd.NA
    days = seen((1, int(rounds.loc[2, "start_tick"]) + 215 * RATE, FREEZE_END))
    found = without_pauses(days, rounds, Tally())
    assert found["duration"].tolist() == [60.0, 300.0]
