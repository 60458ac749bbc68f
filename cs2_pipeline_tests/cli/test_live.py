"""`cs2 live verify`, `dead-letters` and `consume`, over the log and the history of a home."""

import json
import os
import sqlite3
import sys

import pytest

from cs2_pipeline.live import runtime
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.live.conftest import Bench, champions  # noqa: F401
from cs2_pipeline_tests.live.made import play, uid

MATCH = uid("one")


@pytest.fixture
def bench(home, champions):  # noqa: F811
    """The live feed of the home, with a match of one round in its history."""
    folder = runtime.folder(Settings())
    folder.mkdir(parents=True)
    made = Bench(folder, champions)
    made.send(play(3, rounds=1))
    made.consume()
    return made


def test_a_match_that_was_priced_is_recomputed_to_the_same(cs2, bench):
    ended = cs2("live", "verify", MATCH)
    assert (ended.status, ended.err) == (0, "")
    count = len(play(3, rounds=1))
    assert f"{count} events, 0 more not yet processed" in ended.out
    assert f"{count} stored prices, 0 of them differ" in ended.out
    kept, recomputed, shuffled = (line.split()[-1] for line in ended.out.splitlines()[1:4])
    assert kept == recomputed == shuffled
    found = json.loads(cs2("live", "verify", MATCH, "--json").out)
    assert (found["holds"], found["kept"], found["events"], found["waiting"]) == (True, kept, count, 0)


def test_a_changed_history_is_an_error_and_events_on_their_way_are_told(cs2, bench):
    with sqlite3.connect(bench.folder / "history.sqlite") as connection:
        connection.execute("update prices set basis = 'forged' where state_version = 9")
    ended = cs2("live", "verify", MATCH, "--json")
    assert ended.status == 1
    assert not json.loads(ended.out)["holds"]
    assert "the history does not match the events" in ended.err and "try again" not in ended.err
    bench.send([{**play(3, rounds=1)[-1], "event_id": uid("more"), "seq_no": 999, "type": "new", "payload": {}}])
    ended = cs2("live", "verify", MATCH)
    assert (ended.status, "some are not processed yet, try again" in ended.err) == (1, True)
    assert "1 more not yet processed" in ended.out and "1 of them differ" in ended.out


def test_a_match_that_nobody_knows_cannot_be_verified(cs2, home):
    ended = cs2("live", "verify", "nobody")
    assert (ended.status, "no match nobody is in the history" in ended.err) == (1, True)


@pytest.fixture
def letter(bench):
    """The id of an event that could not be read."""
    bench.intake.take([b'{"event_id": "7", "match_id": "m7", "rubbish": 1}'])
    (one,) = bench.log.dead_letters()
    return one.id


def test_dead_letters_are_listed_shown_and_submitted_again(cs2, bench, letter, tmp_path):
    (listed,) = json.loads(cs2("live", "dead-letters", "list", "--json").out)
    assert list(listed) == ["id", "at", "reason", "match_id"] and listed["id"] == letter
    lines = cs2("live", "dead-letters", "list").out.splitlines()
    assert len(lines) == 1 and lines[0].startswith(f"{letter}  20") and lines[0].endswith(listed["reason"])
    assert "+00:00  " in lines[0], "a time says that it is UTC"
    shown = cs2("live", "dead-letters", "show", letter)
    assert json.loads(shown.out) == {"event_id": "7", "match_id": "m7", "rubbish": 1}
    assert shown.err.strip() == listed["reason"]
    unchanged = cs2("live", "dead-letters", "retry", letter)
    assert unchanged.status == 1
    assert "it is still not valid: " in unchanged.err and "Correct it in a file" in unchanged.err
    event = play(4, match="two", rounds=1)[0]
    (tmp_path / "fixed.json").write_text(json.dumps(event))
    again = cs2("live", "dead-letters", "retry", letter, tmp_path / "fixed.json")
    assert (again.status, again.out.strip()) == (0, "accepted")
    assert [one.event_id for one in bench.log.kept(event["match_id"])] == [event["event_id"]]
    assert cs2("live", "dead-letters", "list").out == "  no dead letters\n"
    for command in ("show", "retry"):
        gone = cs2("live", "dead-letters", command, letter)
        assert (gone.status, f"no dead letter {letter}; `cs2 live dead-letters list`" in gone.err) == (1, True)


def test_an_event_that_was_accepted_before_is_not_taken_twice(cs2, bench, letter, tmp_path):
    (tmp_path / "known.json").write_text(json.dumps(play(3, rounds=1)[0]))
    ended = cs2("live", "dead-letters", "retry", letter, tmp_path / "known.json")
    assert (ended.status, "was accepted before; the dead letter is removed" in ended.out) == (0, True)
    assert bench.log.dead_letters() == []


def test_so_many_dead_letters_are_listed_as_were_asked_for(cs2, bench):
    bench.intake.take([json.dumps({"rubbish": number}).encode() for number in range(3)])
    assert len(json.loads(cs2("live", "dead-letters", "list", "--json").out)) == 3
    lines = cs2("live", "dead-letters", "list", "--limit", "2").out.splitlines()
    assert len(lines) == 2 and all("  -  " in line for line in lines), "of no match that can be told"


def test_the_command_becomes_the_consumer_with_the_home_of_the_command(cs2, home, monkeypatch):
    become = []
    monkeypatch.setattr(os, "execve", lambda *call: become.append(call))
    ended = cs2("live", "consume", "--port", "9999")
    ((path, command, environment),) = become
    assert path == command[0] == sys.executable
    assert command[1:] == ["-m", "bento.gateway.consumer", "--host", "127.0.0.1", "--port", "9999"]
    assert environment["CS2_HOME"] == str(home)
    assert "http://127.0.0.1:9999/readyz" in ended.out
