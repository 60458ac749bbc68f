"""Matches sent at their pace, and the proof that a user can ask for."""

import json
import threading
import time
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from types import SimpleNamespace

import pytest

from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.simulator.simulation import FIRST_DAY, simulate
from cs2_pipeline.live import sender
from cs2_pipeline.live.sender import TICK, Sender, SendError, paced
from cs2_pipeline.live.sender import play as paced_match
from cs2_pipeline.live.sources.demo_database import Recorded, recorded_matches
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


class Door(BaseHTTPRequestHandler):
    """A gateway's door: answers in turn, then takes everything."""

    def do_POST(self):
        events = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.taken.append((self.path, dict(self.headers), events))
        status, headers, body = self.server.answers.pop(0) if self.server.answers else (200, {}, None)
        content = json.dumps(body or {"accepted": len(events) - 3, "duplicates": 2, "refused": ["one"]}).encode()
        self.send_response(status)
        for name, value in {"content-length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def door():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.answers, server.taken = [], []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def waits(monkeypatch):
    """How long the sender waited each time; its clock ticks a millisecond whenever it is looked at."""
    found, now = [], iter(range(1_000, 10**7))
    clock = SimpleNamespace(sleep=found.append, monotonic=lambda: next(now) / 1_000, time=time.time)
    monkeypatch.setattr(sender, "time", clock)
    return found


def test_events_are_posted_a_thousand_at_once_and_what_became_of_them_is_added_up(door) -> None:
    feed = Sender(f"http://127.0.0.1:{door.server_port}/", key="k")
    feed.send([{"n": n} for n in range(2_001)])
    assert [len(events) for *_, events in door.taken] == [1_000, 1_000, 1]
    assert [event["n"] for *_, events in door.taken for event in events] == list(range(2_001))
    path, headers, _ = door.taken[0]
    sent = {name.lower(): value for name, value in headers.items()}
    assert (path, sent["x-api-key"], sent["content-type"]) == ("/api/v1/events/batch", "k", "application/json")
    assert (feed.sent.accepted, feed.sent.duplicates, feed.sent.refused) == (2_001 - 9, 6, 3)
    Sender(f"http://127.0.0.1:{door.server_port}").send([{}])
    assert "x-api-key" not in {name.lower() for name in door.taken[-1][1]}


def test_a_gateway_without_room_is_asked_again_when_it_says(door, waits) -> None:
    door.answers = [(429, {"retry-after": "7"}, {}), (503, {}, {})]
    feed = Sender(f"http://127.0.0.1:{door.server_port}")
    feed.send([{}] * 5)
    assert waits == [7.0, 1.0] and feed.sent.accepted == 2


def test_a_refusal_is_told_at_once_with_the_gateways_words(door, waits) -> None:
    door.answers = [(403, {}, {"title": "no such scope", "more": "x" * 500})]
    with pytest.raises(SendError, match=r"/api/v1/events/batch answers 403: .*no such scope") as caught:
        Sender(f"http://127.0.0.1:{door.server_port}").send([{}])
    assert len(door.taken) == 1 and waits == []
    assert len(str(caught.value)) < 400


def test_a_gateway_that_never_has_room_or_is_not_there_is_told(door, waits) -> None:
    door.answers = [(503, {"retry-after": "2"}, {"title": "full"})] * 11
    with pytest.raises(SendError, match=r"no gateway accepts events at http.*full.*: start it with `cs2 up`"):
        Sender(f"http://127.0.0.1:{door.server_port}").send([{}])
    assert waits == [2.0] * 10
    waits.clear()
    with pytest.raises(SendError, match="refused"):
        Sender("http://127.0.0.1:1").send([{}])
    assert waits == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0, 5.0, 5.0])


def test_matches_are_sent_when_they_are_due_and_each_batch_is_told(door, matches, waits) -> None:
    feed, told = Sender(f"http://127.0.0.1:{door.server_port}"), []
    paced_match(feed, matches[:1], speed=1_000.0, stagger=0.0, told=lambda sent: told.append(sent.accepted))
    sent = [event for *_, events in door.taken for event in events]
    assert [event["seq_no"] for event in sent] == [event["seq_no"] for event in matches[0].events]
    dues = [due for due, _ in paced(matches[:1], speed=1_000.0)]
    assert waits == pytest.approx([max(0.0, due - (n + 1) / 1_000) for n, due in enumerate(dues)], abs=1e-6)
    assert len(told) == len(dues) and told == sorted(told) and told[-1] == feed.sent.accepted


def test_a_batch_is_never_larger_than_a_gateway_takes(matches) -> None:
    batches = [batch for _, batch in paced(matches * 3, speed=0.0)]
    assert {len(batch) for batch in batches[:-1]} == {1_000} and 0 < len(batches[-1]) <= 1_000
    assert sum(map(len, batches)) == 3 * sum(len(match.events) for match in matches)


def test_nothing_sent_is_nothing_counted_and_pace_and_patience_are_as_told() -> None:
    sent = sender.Sent()
    assert (sent.accepted, sent.duplicates, sent.refused) == (0, 0, 0)
    assert (TICK, sender.ATTEMPTS) == (0.05, 10)


def recorded(match: str, *times: float) -> Recorded:
    return Recorded(1, match, "de_nuke", [{"ts_event": at, "match_id": match, "n": n} for n, at in enumerate(times)])


def test_events_are_due_by_speed_and_those_of_a_twentieth_of_a_second_go_together() -> None:
    matches = [recorded("one", 0.0, 1.0, 1.08, 1.1, 5.0), recorded("two", 0.0, 2.0)]
    found = [(due, [(event["match_id"], event["n"]) for event in batch])
             for due, batch in paced(matches, speed=2.0, stagger=0.5, began=1_700_000_000.0)]  # fmt: skip
    assert found == [
        (0.0, [("one", 0)]), (0.25, [("two", 0)]), (0.5, [("one", 1), ("one", 2)]), (0.55, [("one", 3)]),
        (1.25, [("two", 1)]), (2.5, [("one", 4)]),
    ]  # fmt: skip
    stamped = {(event["match_id"], event["n"]): event["ts_event"][17:] for _, batch in
               paced(matches, speed=2.0, stagger=0.5, began=1_700_000_000.0) for event in batch}  # fmt: skip
    assert stamped["one", 4] == "25.000000+00:00" and stamped["two", 1] == "22.500000+00:00", "their own times stay"
    assert list(paced([], speed=1.0)) == []


def test_events_of_one_time_go_match_by_match_in_their_order_and_a_thousand_at_once() -> None:
    matches = [recorded("one", *[0.0] * 600), recorded("two", *[0.0] * 600)]
    batches = list(paced(matches, speed=0.0, began=0.0))
    assert [(due, len(batch)) for due, batch in batches] == [(0.0, 1_000), (0.0, 200)]
    sent = [(event["match_id"], event["n"]) for _, batch in batches for event in batch]
    assert sent == [(match, n) for match in ("one", "two") for n in range(600)]


def test_without_a_time_given_a_match_begins_now() -> None:
    began = time.time()
    ((_, (event,)),) = paced([recorded("one", 3.0)], speed=1.0)
    assert began + 3.0 <= datetime.fromisoformat(event["ts_event"]).timestamp() + 1e-3 < time.time() + 3.1
