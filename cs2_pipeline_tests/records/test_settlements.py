"""Forecasts are found by who, when and whether they are settled; the newest verdict counts, and none is lost."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from cs2_pipeline.records import ledger, settlements
from cs2_pipeline.records.ledger import Draft
from cs2_pipeline.records.settlements import LOST, NOT_PLAYED, WON, Verdict

AT = datetime(2026, 1, 18, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def asked(records):
    """Four forecasts, an hour apart: of teams a and b, b and c, c and d, d and a. Their ids are 0 to 3."""
    drafts = [
        Draft("map", {"id": str(k)}, team1_id=pair[0], team2_id=pair[1], id=str(k), at=AT + k * HOUR)
        for k, pair in enumerate(("ab", "bc", "cd", "da"))
    ]
    with records.writing() as connection:
        ledger.append(connection, drafts)
    return records


def ids(found):
    return [one.forecast.id for one in found]


def told(records, forecast, status, result="m1"):
    return settlements.record(records, [Verdict(forecast, status, result, "")])


def test_forecasts_are_listed_the_newest_first_and_the_history_the_oldest_first(asked):
    told(asked, "1", WON)  # its entry in the ledger is no forecast
    assert ids(settlements.find(asked, limit=9)) == ["3", "2", "1", "0"]
    assert ids(settlements.find(asked, limit=2)) == ["3", "2"]
    assert ids(settlements.history(asked)) == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("which", "found"),
    [
        ({"team": "a"}, ["3", "0"]),
        ({"team": "b"}, ["1", "0"]),
        ({"team": "nobody"}, []),
        ({"since": AT + 2 * HOUR}, ["3", "2"]),
        ({"until": AT + 2 * HOUR}, ["1", "0"]),
        ({"since": AT + HOUR, "until": AT + 3 * HOUR}, ["2", "1"]),
        ({"before": 3}, ["1", "0"]),
        ({"team": "c", "before": 3}, ["1"]),
    ],
)
def test_they_are_found_by_team_place_and_time_the_first_moment_included_and_the_last_not(asked, which, found):
    assert ids(settlements.find(asked, limit=9, **which)) == found


def test_the_history_begins_with_what_was_asked_at_its_first_moment(asked):
    assert ids(settlements.history(asked, since=AT + 2 * HOUR)) == ["2", "3"]


def test_settled_ones_are_told_from_open_ones(asked):
    told(asked, "2", LOST)
    assert ids(settlements.find(asked, limit=9, settled=True)) == ["2"]
    assert ids(settlements.find(asked, limit=9, settled=False)) == ["3", "1", "0"]


def test_a_new_verdict_is_the_next_revision_and_the_one_that_counts(asked):
    (first,) = told(asked, "0", NOT_PLAYED, None)
    (second,) = told(asked, "0", WON)
    (third,) = told(asked, "0", WON, "m2")
    assert [one.revision for one in (first, second, third)] == [1, 2, 3]
    assert settlements.of(asked, ["0", "1"]) == {"0": third}
    (found,) = settlements.find(asked, limit=9, settled=True)
    assert found.settlement == third


def test_the_same_verdict_again_is_none(asked):
    told(asked, "0", WON)
    head = ledger.head(asked)
    assert told(asked, "0", WON) == []
    assert settlements.record(asked, []) == []
    assert ledger.head(asked) == head


def test_every_verdict_of_many_is_kept(asked):
    """More than one query asks for: forecasts are looked up by the hundreds."""
    many = [f"{number:04}" for number in range(501)]
    with asked.writing() as connection:
        ledger.append(connection, [Draft("map", {"id": name}, id=name, at=AT) for name in many])
    made = settlements.record(asked, [Verdict(name, WON, name, "") for name in many])
    assert len(made) == 501
    assert settlements.of(asked, many) == {one.forecast_id: one for one in made}
    assert settlements.record(asked, [Verdict(name, WON, name, "") for name in many]) == []


@pytest.mark.slow  # 20 s
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_more_forecasts_are_settled_at_once_than_a_statement_takes_values(records):
    """PostgreSQL takes 65,535 in one."""
    verdicts = [Verdict(str(number), WON, "m1", "") for number in range(65_536)]
    assert len(settlements.record(records, verdicts)) == len(verdicts)


def test_a_verdict_that_several_come_to_at_once_is_one_settlement(asked):
    ready = threading.Barrier(4)

    def settle(_):
        ready.wait()
        return told(asked, "0", WON)

    with ThreadPoolExecutor(4) as threads:
        found = [one for settled in threads.map(settle, range(4)) for one in settled]
    assert [(one.forecast_id, one.revision) for one in found] == [("0", 1)]
    assert ledger.head(asked).seq == 5
