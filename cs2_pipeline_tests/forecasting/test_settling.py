"""Forecasts find their result: late, corrected, given up, never played; twice at once it is still one settlement."""

import threading
from datetime import timedelta

import pytest

from cs2_pipeline.forecasting import directories, forecasts, settling
from cs2_pipeline.forecasting.questions import MAP, SERIES, Asked, AskedSide, Fields, MapScore, resolve
from cs2_pipeline.forecasting.settling import Result
from cs2_pipeline.records import ledger, settlements
from cs2_pipeline.records.database import Records
from cs2_pipeline_tests.forecasting.league import AT, Strengths, players

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def asked(records, first="t1", second="t2", at=AT, **more):
    question = Asked(**({"kind": MAP, "sides": (AskedSide(first), AskedSide(second))} | more))
    known = directories.load(records)
    made = forecasts.forecast(resolve(question, known, Fields()), Strengths(), now=at)
    with records.writing() as connection:
        (entry,) = ledger.append(connection, [forecasts.draft(made, known.revision)])
    return entry.id


def a_map(first="t1", second="t2", *, won=True, at=AT + HOUR, name="m1", score=None, map_id="de_mirage", line_ups=None):
    """A map between two teams; the score is right for who won."""
    sides = line_ups or (players(first), players(second))
    score = score or ((13, 7) if won else (7, 13))
    return Result(name, at, 1, map_id, (first, second), tuple(map(frozenset, sides)), score, won)


def a_series(first="t1", second="t2", *, won=True, best_of=3, score=(2, 1), at=AT, name="s1"):
    sides = (frozenset(players(first)), frozenset(players(second)))
    return Result(name, at, best_of, None, (first, second), sides, score, won, whole_day=True)


def settle(records, *results, now=AT + DAY):
    return [(one.forecast_id, one.status, one.revision) for one in settling.settle(records, results, now=now)]


def test_the_next_map_of_the_two_teams_settles_it(records):
    forecast = asked(records)
    assert settle(records, a_map(at=AT - HOUR)) == []  # that was before it was asked
    late, early = a_map(at=AT + 3 * HOUR, won=False, name="m2"), a_map()
    assert settle(records, late, early) == [(forecast, "won", 1)]


def test_it_does_not_matter_which_side_stands_first(records):
    forecast = asked(records)
    assert settle(records, a_map("t2", "t1", won=True)) == [(forecast, "lost", 1)]


def test_another_map_or_another_team_settles_nothing(records):
    asked(records, map_ids=("de_nuke",))
    assert settle(records, a_map(map_id="de_mirage"), a_map("t1", "t3", map_id="de_nuke", name="m2")) == []


def test_a_team_is_known_by_three_of_its_players_whatever_it_is_called(records):
    forecast = asked(records)
    renamed = a_map("another id", "t2", line_ups=([*players("t1")[:3], "x", "y"], players("t2")))
    assert settle(records, renamed) == [(forecast, "won", 1)]
    strangers = a_map("another id", "t2", line_ups=([*players("t1")[:2], "x", "y", "z"], players("t2")), name="m2")
    asked(records)
    assert settle(records, strangers) == []


def test_the_same_again_changes_nothing(records):
    asked(records)
    settle(records, a_map())
    before = ledger.head(records)
    assert settle(records, a_map()) == []
    assert ledger.head(records) == before


def test_a_corrected_result_is_a_new_revision_and_the_old_one_stays_in_the_ledger(records):
    forecast = asked(records)
    settle(records, a_map(won=True))
    assert settle(records, a_map(won=False)) == [(forecast, "lost", 2)]
    said = [entry.content for entry in ledger.entries(records) if entry.kind == "settlement"]
    assert [(one["revision"], one["status"]) for one in said] == [(1, "won"), (2, "lost")]
    assert ledger.verify(records) == []
    assert settlements.of(records, [forecast])[forecast].status == "lost"


def test_a_map_that_was_given_up_is_settled_and_not_scored(records):
    forecast = asked(records)
    assert settle(records, a_map(score=(6, 4))) == [(forecast, "forfeited", 1)]


def test_what_is_never_played_is_settled_when_its_time_is_over_and_again_when_it_is_after_all(records):
    forecast = asked(records, starts_at=AT + DAY)
    assert settle(records, now=AT + 7 * DAY) == []
    assert settle(records, now=AT + 9 * DAY) == [(forecast, "not_played", 1)]
    late = a_map(at=AT + DAY)
    assert settle(records, late, now=AT + 20 * DAY) == [(forecast, "won", 2)]


def test_a_match_announced_for_a_day_is_not_settled_by_an_earlier_one(records):
    forecast = asked(records, starts_at=AT + 5 * DAY)
    assert settle(records, a_map(at=AT + DAY)) == []
    on_the_day = a_map(at=AT + 5 * DAY, won=False, name="m2")
    assert settle(records, a_map(at=AT + DAY), on_the_day, now=AT + 6 * DAY) == [(forecast, "lost", 1)]


def test_a_series_is_settled_by_its_maps_or_by_its_result(records):
    first = asked(records, kind=SERIES, best_of=3)
    maps = [a_map(at=AT + k * HOUR, won=won, name=f"m{k}") for k, won in ((1, True), (2, False))]
    assert settle(records, *maps) == []
    decider = a_map(at=AT + 3 * HOUR, won=True, name="m3")
    assert settle(records, *maps, decider) == [(first, "won", 1)]
    second = asked(records, kind=SERIES, best_of=5, at=AT + HOUR)
    assert settle(records, a_series(won=False, best_of=5, score=(1, 3))) == [(second, "lost", 1)]


def test_maps_of_different_days_are_different_series(records):
    asked(records, kind=SERIES, best_of=3)
    assert settle(records, a_map(), a_map(at=AT + DAY, name="m2"), now=AT + 2 * DAY) == []


def test_a_series_that_was_given_up_is_not_scored(records):
    forecast = asked(records, kind=SERIES, best_of=3)
    assert settle(records, a_series(score=(1, 0))) == [(forecast, "forfeited", 1)]


def test_a_forecast_from_a_score_is_about_the_map_under_way(records):
    forecast = asked(records, score=MapScore(5, 3), map_ids=("de_mirage",))
    assert settle(records, a_map(at=AT - HOUR)) == [(forecast, "won", 1)]


def test_two_settlements_at_once_are_one(records, tmp_path):
    for _ in range(20):
        asked(records)
    failures, new = [], []

    def run():
        own = Records(str(records.engine.url))
        try:
            new.extend(settling.settle(own, [a_map()], now=AT + DAY))
        except Exception as error:
            failures.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(new) == 20
    assert ledger.head(records).seq == 40
    assert ledger.verify(records) == []


@pytest.mark.parametrize(("score", "won", "given_up"), [((13, 11), True, False), ((16, 14), True, False),
                                                        ((5, 13), False, False), ((3, 1), True, True),
                                                        ((None, None), True, False)])  # fmt: skip
def test_a_map_is_given_up_when_nobody_reached_thirteen(score, won, given_up):
    assert a_map(won=won, score=score).forfeited is given_up
