"""Forecasts find their result: late, corrected, given up, never played; twice at once it is still one settlement."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

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
                                                        ((None, None), True, False), ((12, 9), True, True),
                                                        ((13, 0), True, False)])  # fmt: skip
def test_a_map_is_given_up_when_nobody_reached_thirteen(score, won, given_up):
    assert a_map(won=won, score=score).forfeited is given_up


MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("after", "found"),
    [(timedelta(0), True), (-MOMENT, False), (7 * DAY, True), (7 * DAY + MOMENT, False)],
)
def test_a_forecast_is_about_what_begins_within_a_week_of_it(records, after, found):
    asked(records)
    assert bool(settle(records, a_map(at=AT + after), now=AT + 7 * DAY)) is found


@pytest.mark.parametrize(("before", "found"), [(12 * HOUR, True), (12 * HOUR + MOMENT, False)])
@pytest.mark.parametrize("begun", [{"score": MapScore(0, 1)}, {"kind": SERIES, "best_of": 3, "maps_won": (1, 0)}])
def test_what_was_under_way_began_at_most_half_a_day_before(records, begun, before, found):
    asked(records, **begun)
    result = a_map(at=AT - before) if "score" in begun else replace(a_series(at=AT - before), whole_day=False)
    assert bool(settle(records, result)) is found


@pytest.mark.parametrize("sooner", [1, -1])
@pytest.mark.parametrize(("by", "found"), [(DAY, True), (DAY + MOMENT, False)])
def test_a_match_may_begin_a_day_from_when_it_was_announced_for(records, sooner, by, found):
    asked(records, starts_at=AT + 5 * DAY)
    assert bool(settle(records, a_map(at=AT + 5 * DAY - sooner * by), now=AT + 6 * DAY)) is found


@pytest.mark.parametrize(("late", "settled"), [(timedelta(0), []), (MOMENT, ["not_played"])])
def test_a_week_without_a_result_is_waited_for(records, late, settled):
    asked(records)
    assert [one[1] for one in settle(records, now=AT + 7 * DAY + late)] == settled


@pytest.mark.parametrize(("late", "revised"), [(timedelta(0), True), (MOMENT, False)])
def test_a_result_may_be_corrected_for_ninety_days(records, late, revised):
    asked(records)
    settle(records, a_map())
    assert bool(settle(records, a_map(won=False), now=AT + 90 * DAY + late)) is revised


def test_a_result_known_by_its_day_counts_from_that_days_beginning(records):
    midnight = AT.replace(hour=0)
    for at, found in ((midnight, True), (midnight - MOMENT, False)):
        forecast = asked(records, kind=SERIES, best_of=3)
        assert [one[0] for one in settle(records, a_series(at=at))] == ([forecast] if found else [])
        settle(records, a_series(at=AT, name="end"), now=AT + 8 * DAY)


@pytest.mark.parametrize(("apart", "decided"), [(12 * HOUR, True), (12 * HOUR + MOMENT, False)])
def test_maps_of_one_series_begin_within_half_a_day_of_its_first(records, apart, decided):
    asked(records, kind=SERIES, best_of=3)
    first, second = a_map(at=AT), a_map(at=AT + apart, name="m2")
    assert bool(settle(records, first, second)) is decided


def test_a_series_begun_anew_counts_its_own_maps_alone(records):
    forecast = asked(records, kind=SERIES, best_of=3)
    played = [(0, True), (24, False), (25, True), (26, False)]
    maps = [a_map(at=AT + hours * HOUR, won=won, name=f"m{hours}") for hours, won in played]
    assert settle(records, *maps, now=AT + 2 * DAY) == [(forecast, "lost", 1)]
    (entry,) = [one.content for one in ledger.entries(records) if one.kind == "settlement"]
    assert entry["explanation"] == "2026-01-19, 1:2 in maps" and entry["result_id"] == "m24"


def test_a_result_of_another_length_is_not_the_series_that_was_asked_about(records):
    asked(records, kind=SERIES, best_of=5)
    assert settle(records, a_series(best_of=3)) == []
    asked(records)
    assert settle(records, a_series(best_of=3)) == [], "a series is no map"


def test_a_map_of_a_series_that_was_given_up_ends_the_series_unscored(records):
    forecast = asked(records, kind=SERIES, best_of=3)
    assert settle(records, a_map(score=(9, 3))) == [(forecast, "forfeited", 1)]
    (entry,) = [one.content for one in ledger.entries(records) if one.kind == "settlement"]
    assert entry["explanation"] == "2026-01-18, ended before it was decided: not scored"


@pytest.mark.parametrize(
    ("best_of", "score", "won", "given_up"),
    [(3, (2, 1), True, False), (3, (1, 0), True, True), (5, (2, 3), False, False), (5, (2, 2), False, True),
     (1, (1, 0), True, False), (1, (0, 0), True, True)],
)  # fmt: skip
def test_a_series_is_given_up_when_nobody_won_more_than_half_of_its_maps(best_of, score, won, given_up):
    assert a_series(best_of=best_of, score=score, won=won).forfeited is given_up


def test_both_teams_must_be_those_that_were_asked_about(records):
    asked(records)
    assert settle(records, a_map("t1", "t3"), a_map("t3", "t2", name="m2"), a_map("t3", "t1", name="m3")) == []


def test_a_side_that_nobody_has_named_is_known_by_its_players(records):
    forecast = asked(records)
    nameless = replace(a_map(), team_ids=(None, None))
    assert settle(records, nameless) == [(forecast, "won", 1)]


def test_of_two_maps_at_one_moment_the_first_by_id_counts(records):
    forecast = asked(records)
    both = a_map(won=False, name="b"), a_map(won=True, name="a")
    assert settle(records, *both) == [(forecast, "won", 1)]


def test_a_forecast_says_what_it_was_settled_by(records):
    asked(records)
    settle(records, a_map())
    settle(records, now=AT + 8 * DAY)
    said = [one.content for one in ledger.entries(records) if one.kind == "settlement"]
    assert [(one["result_id"], one["explanation"]) for one in said] == [
        ("m1", "2026-01-18"), (None, "no result within 7 days")
    ]  # fmt: skip


def test_a_week_a_day_and_half_a_day_are_what_is_waited_for():
    assert (settling.WAIT, settling.SPREAD, settling.REVISED_FOR) == (7 * DAY, DAY, 90 * DAY)
    assert settling.UNDER_WAY == settling.ONE_SERIES == 12 * HOUR


def test_what_is_settled_now_needs_no_moment(records):
    asked(records, at=datetime.now(UTC) - HOUR)
    assert [one.status for one in settling.settle(records, [a_map(at=datetime.now(UTC))])] == ["won"]


def test_a_series_told_by_its_maps_is_settled_by_the_first_of_them_with_its_score(records):
    asked(records, "t2", "t1", kind=SERIES, best_of=3)
    played = [a_map(at=AT + k * HOUR, won=won, name=f"m{k}") for k, won in ((1, True), (2, False), (3, True))]
    (found,) = settling.settle(records, played, now=AT + DAY)
    (entry,) = [one.content for one in ledger.entries(records) if one.kind == "settlement"]
    assert (found.status, found.result_id, entry["explanation"]) == ("lost", "m1", "2026-01-18, 1:2 in maps")


def test_a_series_of_maps_in_which_one_side_was_renamed_is_counted_by_its_players(records):
    forecast = asked(records, kind=SERIES, best_of=3)
    maps = [a_map("new", "t2", line_ups=(players("t1"), players("t2"))), a_map(at=AT + 2 * HOUR, name="m2")]
    assert settle(records, *maps) == [(forecast, "won", 1)]


def test_a_series_of_one_map_is_settled_by_that_map_with_its_score(records):
    asked(records, kind=SERIES, best_of=1)
    assert [one[1] for one in settle(records, a_map(won=False))] == ["lost"]
    (entry,) = [one.content for one in ledger.entries(records) if one.kind == "settlement"]
    assert entry["explanation"] == "2026-01-18, 0:1 in maps"
