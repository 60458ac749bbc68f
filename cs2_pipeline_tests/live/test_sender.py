"""Matches sent at their pace, and the proof that a user can ask for."""

from itertools import pairwise

import pytest

from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.simulator.simulation import FIRST_DAY, simulate
from cs2_pipeline.live.sender import TICK, paced
from cs2_pipeline.live.sources.demo_database import recorded_matches
from cs2_pipeline.live.verify import UnknownMatchError, verify
from cs2_pipeline_tests.live.made import play, uid


@pytest.fixture(scope="module")
def matches(tmp_path_factory):
    path = tmp_path_factory.mktemp("demos") / "demos.sqlite"
    simulate(path, matches=2, days=1, seed=3)
    with DemoDatabase(f"sqlite:///{path}") as db:
        return list(recorded_matches(db, FIRST_DAY, FIRST_DAY))


def test_matches_run_side_by_side_and_lose_nothing(matches) -> None:
    batches = list(paced(matches, speed=10.0, stagger=20.0, began=1_700_000_000.0))
    dues = [due for due, _ in batches]
    assert dues == sorted(dues) and dues[0] == 0.0
    assert all(later - earlier >= TICK for earlier, later in pairwise(dues))
    sent = [event for _, batch in batches for event in batch]
    for match in matches:
        of_match = [event for event in sent if event["match_id"] == match.match_id]
        assert [event["seq_no"] for event in of_match] == [event["seq_no"] for event in match.events]
    first_of_second = next(due for due, batch in batches for e in batch if e["match_id"] == matches[1].match_id)
    assert 1.9 < first_of_second < 2.1  # 20 s at ten times the speed


def test_without_a_speed_everything_is_due_at_once(matches) -> None:
    assert {due for due, _ in paced(matches, speed=0.0)} == {0.0}


def test_a_match_is_verified(bench) -> None:
    events = play(3, rounds=3)
    bench.send(events)
    bench.consume()
    found = verify(uid("one"), bench.history, bench.log)
    assert found.holds and found.events == found.prices == len(events)


def test_a_forged_price_and_a_lost_event_are_found(bench) -> None:
    bench.send(play(3, rounds=3))
    bench.consume()
    history = bench.history._connection()
    history.execute("update prices set basis = 'forged' where state_version = 9")
    found = verify(uid("one"), bench.history, bench.log)
    assert not found.holds and found.differing == 1
    history.execute("delete from events where type = 'kill' and round_no = 2")
    found = verify(uid("one"), bench.history, bench.log)
    assert found.replayed != found.kept


def test_a_match_that_nobody_knows_cannot_be_verified(bench) -> None:
    with pytest.raises(UnknownMatchError, match="nobody"):
        verify("nobody", bench.history, bench.log)
