"""`cs2 live simulate` and `replay`: whole matches reach a gateway, and what cannot be replayed is said."""

import json
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from cs2_pipeline.cli import live_matches
from cs2_pipeline.cli.console import CliError, progress
from cs2_pipeline.demodb.simulator.simulation import simulate
from cs2_pipeline_tests.demodb.importers import made_exports
from cs2_pipeline_tests.demodb.importers.recordings import Script


class Door(BaseHTTPRequestHandler):
    """Takes batches of events as the gateway does: each id once, none without a map."""

    def do_POST(self) -> None:
        batch = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.paths.append((self.path, self.headers["x-api-key"]))
        refused = [event for event in batch if event["type"] == self.server.refuses]
        known = {event["event_id"] for event in self.server.events}
        fresh = [event for event in batch if event not in refused and event["event_id"] not in known]
        self.server.events.extend(fresh)
        told = {"accepted": len(fresh), "duplicates": len(batch) - len(fresh) - len(refused), "refused": refused}
        body = json.dumps(told).encode()
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def door(monkeypatch):
    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        server.events, server.paths, server.refuses, server.status = [], [], None, 200
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setenv("CS2_GATEWAY_PORT", str(server.server_port))
        yield server
        server.shutdown()


@pytest.fixture
def game(tmp_path):
    """A match of 13 rounds whose file does not say when it was played."""
    return made_exports.write(tmp_path, made_exports.match(date=""), "one.json")


def of_type(door, kind):
    return [event for event in door.events if event["type"] == kind]


def test_simulated_matches_are_sent_to_their_end_under_names_of_their_own(cs2, home, door):
    ended = cs2("live", "simulate", "--matches", "2", "--speed", "0")
    assert ended.status == 0, ended.err
    ids = {event["match_id"] for event in door.events}
    assert len(ids) == 2
    assert {event["match_id"] for event in of_type(door, "match_end")} == ids
    assert {path for path, _ in door.paths} == {"/api/v1/events/batch"}
    assert {key for _, key in door.paths} == {None}
    for one in ids:
        assert f": http://127.0.0.1:{door.server_port}/api/v1/matches/{one}\n" in ended.out
    assert f"{len(door.events)} events accepted, 0 duplicates, 0 refused" in ended.out
    assert not (home / "demos.sqlite").exists(), "they are in no database that is learned from"
    cs2("live", "simulate", "--matches", "1", "--speed", "0")
    assert len({event["match_id"] for event in door.events}) == 3, "another match each time"


def test_a_match_of_the_database_is_replayed_by_its_number_alone(cs2, home, door):
    home.mkdir()
    simulate(home / "demos.sqlite", matches=2, days=1, teams=4, seed=3)
    for _ in range(2):
        assert cs2("live", "replay", "2", "--speed", "0").status == 0
    first, second = dict.fromkeys(event["match_id"] for event in door.events)
    assert first != second, "each replay is a match of its own"
    starts = [event["payload"] for event in of_type(door, "match_start")]
    assert len(starts) == 2 and starts[0]["team_a_line_up"] == starts[1]["team_a_line_up"]
    absent = cs2("live", "replay", "9")
    assert absent.status == 1 and "9" in absent.err
    with sqlite3.connect(home / "demos.sqlite") as connection:
        connection.execute('UPDATE "Rounds" SET "WinnerTeam" = NULL')
    ended = cs2("live", "replay", "2")
    assert (ended.status, "2 holds no round with a winner, so it cannot be replayed" in ended.err) == (1, True)


def test_a_recording_is_sent_with_the_key_to_the_address_that_is_named(cs2, door, game, monkeypatch):
    monkeypatch.setenv("CS2_API_KEY", "cs2_a_key")
    monkeypatch.delenv("CS2_GATEWAY_PORT")
    door.refuses = "round_end"
    ended = cs2("live", "replay", game, "--speed", "0", "--url", f"http://127.0.0.1:{door.server_port}/")
    assert ended.status == 0, ended.err
    assert {key for _, key in door.paths} == {"cs2_a_key"}
    assert len(of_type(door, "round_start")) == 13
    assert f"{len(door.events)} events accepted, 0 duplicates, 13 refused" in ended.out


def test_a_folder_of_events_is_read_as_a_recording(cs2, door, tmp_path):
    script = Script()
    script.round(3, [(5, "ct1", "t1")])  # and nothing that ends the round
    ended = cs2("live", "replay", script.folder(tmp_path / "2026-03-01 game"))
    assert (ended.status, "game holds no round with a winner" in ended.err) == (1, True)


@pytest.mark.parametrize(("name", "said"), [("no.dem", "no.dem: "), ("no.json", "no.json: "), ("no.log", "no.log")])
def test_what_cannot_be_replayed_is_named(cs2, door, tmp_path, name, said):
    if name != "no.log":
        (tmp_path / name).write_text("{}")
    ended = cs2("live", "replay", tmp_path / name)
    assert (ended.status, said in ended.err) == (1, True)
    assert ended.err.startswith("error: ") and not door.events


def test_a_gateway_that_refuses_is_told_in_its_words(cs2, door, game):
    door.status = 403
    ended = cs2("live", "replay", game, "--speed", "0")
    assert (ended.status, "answers 403" in ended.err) == (1, True)
    assert "accepted" not in ended.out


@pytest.mark.parametrize(("matches", "teams"), [(1, 2), (2, 4), (40, 80), (100, 80)])
def test_simulated_matches_are_played_by_teams_of_their_own_as_far_as_there_are_some(cs2, monkeypatch, matches, teams):
    asked = []

    def simulated(path, **named):
        asked.append(named)
        raise CliError("enough")

    monkeypatch.setattr(live_matches, "simulate", simulated)
    assert cs2("live", "simulate", "--matches", matches).status == 1
    assert {name: value for name, value in asked[0].items() if name != "seed"} == {
        "matches": matches, "days": 1, "teams": teams,
    }  # fmt: skip
    assert 0 <= asked[0]["seed"] < 2**31


@pytest.mark.parametrize(("speed", "stagger"), [("0", 0.0), ("1", 2.0), ("10", 2.0)])
def test_matches_begin_one_after_the_other_unless_they_are_played_as_fast_as_can_be(cs2, monkeypatch, speed, stagger):
    asked, recorded = [], SimpleNamespace(map_name="de_mirage", match_id="m1", events=[{}] * 9)

    def play(client, matches, *, told, **how):
        told(SimpleNamespace(accepted=1, duplicates=2, refused=4))
        asked.append((client, matches, how, bars[-1].tasks[0]))

    bars = []
    monkeypatch.setattr(live_matches.sending, "play", play)
    monkeypatch.setattr(live_matches, "recorded_in", lambda *_: [recorded, recorded])
    monkeypatch.setattr(live_matches, "progress", lambda: bars.append(progress()) or bars[-1])
    monkeypatch.setenv("CS2_GATEWAY_PORT", "8081")
    ended = cs2("live", "replay", "a.dem", "--speed", speed)
    ((_, matches, how, task),) = asked
    assert (matches, how) == ([recorded, recorded], {"speed": float(speed), "stagger": stagger})
    assert (task.completed, task.total, task.description) == (7, 18, "2 matches")
    assert ended.out.splitlines() == [
        *["  de_mirage: http://127.0.0.1:8081/api/v1/matches/m1"] * 2,
        "0 events accepted, 0 duplicates, 0 refused",
    ]


def test_a_list_of_posts_is_read_as_that_whatever_blanks_come_first(cs2, tmp_path):
    (tmp_path / "posts.json").write_text(" \n [{}]")
    ended = cs2("live", "replay", tmp_path / "posts.json")
    assert (ended.status, "post of a match" in ended.err) == (1, True)
