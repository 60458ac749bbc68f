"""Events in over HTTP, as the contract has them."""

import gzip
import json

import pytest

from cs2_pipeline.live.intake import BusyError
from cs2_pipeline.live.log import LogUnavailableError
from cs2_pipeline.live.verify import verify
from cs2_pipeline.records import keys
from cs2_pipeline_tests.bento.gateway import documented
from cs2_pipeline_tests.bento.gateway.conftest import ELSEWHERE, open_gateway
from cs2_pipeline_tests.bento.gateway.live.conftest import EVENTS, await_that, log_lines
from cs2_pipeline_tests.live.made import play, uid


def test_an_event_is_taken_once(feed) -> None:
    event = play(match="once")[0]
    first, second = feed.post(EVENTS, json=event), feed.post("/events", json=event)
    assert (first.status_code, first.json()) == (
        202,
        {"success": True, "event_id": event["event_id"], "accepted": 1, "duplicate": False},
    )
    assert (second.status_code, second.json()["duplicate"], second.json()["accepted"]) == (200, True, 0)


def test_camel_case_is_read_and_answered(feed) -> None:
    (event,) = play(match="camel")[:1]

    def camel(value):
        if isinstance(value, dict):
            return {k.split("_")[0] + "".join(p.title() for p in k.split("_")[1:]): camel(v) for k, v in value.items()}
        return value

    answered = feed.post(EVENTS, json=camel(event))
    assert answered.status_code == 202 and answered.json()["eventId"] == event["event_id"]
    seen = await_that(
        lambda: (
            (one := feed.get(f"/api/v1/matches/{uid('camel')}", headers={"prefer": "spelling=camel"})).status_code
            == 200
            and one.json()
        )
    )
    assert seen["teamA"]["name"] == "Löwen ☻"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"event_id": "no uuid"}, "event_id"),
        ({"ts_event": "yesterday"}, "ts_event"),
        ({"ts_event": "2026-01-18T12:00:00"}, "ts_event"),
        ({"round_no": -1}, "round_no"),
        ({"seq_no": 1.5}, "seq_no"),
        ({"source": ""}, "source"),
        ({"payload": {"weapon": "ak47"}}, "payload.killer_player_id"),
        ({"type": "bomb_planted", "payload": {"time_remaining_sec": -3}}, "payload.time_remaining_sec"),
        ({"type": "round_start", "payload": {"team_a_score": 0, "team_b_score": 0, "team_a_side": "CT",
                                             "team_b_side": "CT"}}, "payload.team_b_side"),
        ({"type": "correction", "payload": {"event_id": uid("x")}}, "payload"),
    ],
)  # fmt: skip
def test_a_broken_event_is_refused_by_its_field_and_kept_as_a_dead_letter(feed, change, field) -> None:
    event = next(e for e in play(match="broken") if e["type"] == "kill") | {"event_id": uid("broken", field)} | change
    answered = feed.post(EVENTS, json=event)
    assert answered.status_code == 422 and answered.headers["content-type"] == "application/problem+json"
    assert answered.json()["errors"][0]["field"] == field
    letters = feed.app.state.live.log.dead_letters()
    assert any(json.loads(letter.body) == event for letter in letters)


def test_a_batch_takes_what_is_right_and_names_what_is_wrong(feed) -> None:
    events = play(match="mixed", rounds=1)[:5]
    events[2] = events[2] | {"payload": {}}
    answered = feed.post(f"{EVENTS}/batch", json={"events": events})
    assert answered.status_code == 202
    body = answered.json()
    assert (body["success"], body["accepted"], body["duplicates"]) == (False, 4, 0)
    assert (body["refused"][0]["index"], body["refused"][0]["field"]) == (2, "payload.team_a_score")
    again = feed.post(f"{EVENTS}/batch", json=events[:2]).json()
    assert (again["success"], again["accepted"], again["duplicates"]) == (True, 0, 2)


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"{", 400), (b"[]", 422), (b'"text"', 422), (b"[1]", 422), (b"[" * 50_000, 400), (b"\xff{}", 400),
     (b'{"a":1}', 422), (b" " * (2**20 + 1), 413)],
)  # fmt: skip
def test_bytes_that_are_no_events_are_refused(feed, body, status) -> None:
    for path in (EVENTS, f"{EVENTS}/batch"):
        answered = feed.post(path, content=body, headers={"content-type": "application/json"})
        assert answered.status_code == status or (answered.status_code, body[:1]) == (422, b"[")
        assert answered.headers["content-type"] == "application/problem+json"


def test_an_event_of_more_than_64_kib_is_refused_and_the_others_of_its_batch_taken(feed) -> None:
    first, second = play(match="large")[:2]
    large = first | {"event_id": uid("large"), "note": "x" * 70_000}
    answered = feed.post(EVENTS, json=large)
    assert answered.status_code == 422 and "65536" in answered.text
    assert feed.post(f"{EVENTS}/batch", json=[first, large, second]).json()["accepted"] == 2


def test_unknown_types_and_fields_are_taken_and_kept(feed) -> None:
    event = play(match="unknown")[0]
    strange = event | {
        "event_id": uid("strange"),
        "type": "coach_shouts",
        "seq_no": 2,
        "mood": "loud",
        "payload": {"x": [1]},
    }
    assert feed.post(f"{EVENTS}/batch", json=[event, strange]).json()["accepted"] == 2
    view = await_that(
        lambda: (
            (seen := feed.get(f"/api/v1/matches/{uid('unknown')}")).status_code == 200
            and seen.json()["state_version"] == 2
            and seen.json()
        )
    )
    assert view["ignored"] == {"unknown type coach_shouts": 1}


def test_a_match_that_is_fed_badly_is_answered_as_stated_and_goes_on(feed) -> None:
    events = play(3, match="fed badly", rounds=3)
    match, start = uid("fed badly"), dict(events[0])
    events[1]["payload"]["map_name"] = "de_nie_gesehen_☻"  # a map never seen, and a name that is not ASCII
    kill = next(place for place, event in enumerate(events) if event["type"] == "kill")
    events.insert(kill + 1, events[kill] | {"event_id": uid("killed again")})
    events.insert(kill + 2, start | {"event_id": uid("started again"), "ts_event": events[kill]["ts_event"]})
    other_numbers = {2: 7, 3: 6}  # round 7 before round 6
    begun_anew = next(place for place, event in enumerate(events) if event["round_no"] == 3)
    events = [
        event | {
            "round_no": other_numbers.get(event["round_no"], event["round_no"]),
            "seq_no": place + 1 - (begun_anew if place >= begun_anew else 0),  # the source numbers anew
        }
        for place, event in enumerate(events)
    ]  # fmt: skip
    an_hour_off = play(3, match="fed badly", rounds=3, source="demo", clock=3_600.0, rich=False)[:9]
    refused = [
        (next(e for e in events if e["type"] == "kill") | {"event_id": uid("team c")}, {"killer_team": "C"}, 422),
        (events[0] | {"event_id": uid("negative"), "type": "bomb_planted"}, {"time_remaining_sec": -1}, 422),
        (events[0] | {"event_id": uid("10 MB")}, {"tournament": "x" * 10_000_000}, 413),
    ]
    for place, event in enumerate(events):
        if place < len(an_hour_off):
            assert feed.post(EVENTS, json=an_hour_off[place]).status_code == 202
        if place < len(refused):
            broken, change, status = refused[place]
            answered = feed.post(EVENTS, json=broken | {"payload": broken["payload"] | change})
            assert answered.status_code == status, answered.text
        assert feed.post(EVENTS, json=event).status_code == 202
    live = feed.app.state.live
    await_that(
        lambda: feed.get(f"/api/v1/matches/{match}").json().get("status") == "FINISHED"
        and (found := verify(match, live.history, live.log)).holds and not found.waiting
    )  # fmt: skip
    view = feed.get(f"/api/v1/matches/{match}").json()
    (of_map,) = view["maps"]
    assert of_map["map_name"] == "de_nie_gesehen_☻" and view["team_a"]["name"] == "Löwen ☻"
    assert of_map["team_a_score"] + of_map["team_b_score"] == 3 and of_map["round_no"] == 6
    assert view["ignored"] == {"kills: of a player already dead": 1}
    assert view["sources"] == {uid("fed badly", 1): "server"}


def test_compressed_bodies_are_refused(feed) -> None:
    bomb = gzip.compress(b" " * 2**22)
    said = {"content-type": "application/json", "content-encoding": "gzip"}
    for path in (EVENTS, f"{EVENTS}/batch", "/api/v1/sources/server-log", "/api/v1/sources/gsi"):
        answered = feed.post(path, content=bomb, headers=said)
        assert answered.status_code == 415 and "identity" in answered.headers["accept-encoding"]


def test_made_up_matches_are_refused_beyond_the_day_and_leave_nothing(tmp_path) -> None:
    with open_gateway(tmp_path, client=ELSEWHERE, live_key_matches=20, live_key_rate=1e6) as client:
        records = client.app.state.records
        flooding, other = ({"X-API-Key": keys.create(records, name, ["live:write"])[0]} for name in ("one", "other"))
        first, log = play(match="owned")[0], client.app.state.live.log
        for batch in range(5):
            made_up = [first | {"event_id": uid(batch, n), "match_id": uid("m", batch, n)} for n in range(1_000)]
            answered = client.post(f"{EVENTS}/batch", json=made_up, headers=flooding)
            if batch:
                assert answered.status_code == 403 and "as many matches as it may" in answered.json()["detail"]
            else:
                assert answered.json()["accepted"] == 20
                matches = [event["match_id"] for event in made_up]
        assert len(log.owners(matches)) == 20 and log.dead_letters() == []
        assert client.app.state.live.intake._claimed.keys() == {(next(iter(log.owners(matches).values())), one)
                                                                for one in log.owners(matches)}  # fmt: skip
        assert client.post(EVENTS, json=first, headers=other).status_code == 202


def test_a_stranger_neither_writes_nor_reads(tmp_path) -> None:
    with open_gateway(tmp_path, client=ELSEWHERE) as client:
        assert client.post(EVENTS, json=play()[0]).status_code == 401
        assert client.get("/api/v1/matches").status_code == 401


def test_too_much_at_once_is_turned_away_whole(feed, monkeypatch) -> None:
    monkeypatch.setattr("cs2_pipeline.live.intake.MAX_PENDING", 3)
    answered = feed.post(f"{EVENTS}/batch", json=play(match="busy")[:4])
    assert answered.status_code == 429 and int(answered.headers["retry-after"]) >= 1
    monkeypatch.undo()
    assert feed.post(f"{EVENTS}/batch", json=play(match="busy")[:4]).json()["accepted"] == 4


@pytest.mark.parametrize(
    ("error", "status", "kind", "seconds"),
    [(BusyError(2.1, "why"), 429, "busy", "3"), (LogUnavailableError("why"), 503, "log-unavailable", "5")],
)
def test_events_that_cannot_be_taken_now_may_be_sent_again(  # noqa: PLR0917
    feed, monkeypatch, error, status, kind, seconds
) -> None:
    def take(*_):
        raise error

    monkeypatch.setattr(feed.app.state.live.intake, "take", take)
    answered = feed.post(EVENTS, json=play(match="not now")[0])
    problem = answered.json()
    assert (answered.status_code, problem["type"]) == (status, f"urn:cs2-pipeline:problem:{kind}")
    assert (problem["detail"], answered.headers["retry-after"]) == ("why", seconds)


@pytest.mark.parametrize(("declared", "status"), [("text/plain", 415), ("Application/JSON ; charset=utf-8", 202)])
def test_events_are_declared_as_json(feed, declared, status) -> None:
    content = json.dumps(play(match=f"declared {status}")[0]).encode()
    assert feed.post(EVENTS, content=content, headers={"content-type": declared}).status_code == status


def test_a_batch_in_which_nothing_is_right_is_refused_with_all_of_it(feed) -> None:
    events = [one | {"payload": {}, "round_no": -1} for one in play(match="all wrong")[2:4]]
    answered = feed.post(f"{EVENTS}/batch", json=events)
    assert answered.status_code == 422
    assert [one["field"] for one in answered.json()["errors"]] == ["[0].round_no", "[1].round_no"]
    answered = feed.post(f"{EVENTS}/batch", json=[5])
    assert (answered.status_code, [one["field"] for one in answered.json()["errors"]]) == (422, ["[0]"])


def test_a_match_belongs_to_the_key_that_began_it(tmp_path) -> None:
    with open_gateway(tmp_path, client=ELSEWHERE, live_key_matches=2) as client:
        records = client.app.state.records
        one, other = ({"X-API-Key": keys.create(records, name, ["live:write"])[0]} for name in ("one", "other"))
        begun = play(match="owned", rounds=1)
        assert client.post(f"{EVENTS}/batch", json=begun[:3], headers=one).json()["accepted"] == 3
        answered = client.post(EVENTS, json=begun[3], headers=other)
        assert answered.status_code == 403 and "another key" in answered.json()["detail"]
        mixed = [begun[3], play(match="theirs", rounds=1)[0]]
        found = client.post(f"{EVENTS}/batch", json=mixed, headers=other).json()
        assert (found["accepted"], found["refused"][0]["field"]) == (1, "match_id")
        lines = client.post(f"/api/v1/sources/server-log?match_id={uid('owned')}", content=log_lines(), headers=other)
        assert lines.status_code == 403
        # Nor can it crowd out the owner's dead letters.
        client.post(EVENTS, json=begun[3] | {"round_no": -1}, headers=other)
        client.post(EVENTS, json=begun[4] | {"round_no": -1}, headers=one)
        letters = client.app.state.live.log.dead_letters()
        assert sorted(letter.match_id for letter in letters) == ["", uid("owned")]
        kept = {arrival.event_id for arrival in client.app.state.live.log.kept(uid("owned"))}
        assert begun[3]["event_id"] not in kept
        for name, status in (("second", 202), ("third", 403)):
            assert client.post(EVENTS, json=play(match=name)[0], headers=one).status_code == status


def test_a_key_sends_no_more_than_its_rate_and_the_others_do_not_notice(tmp_path) -> None:
    with open_gateway(tmp_path, client=ELSEWHERE, live_key_rate=1.0) as client:
        records = client.app.state.records
        one, other = ({"X-API-Key": keys.create(records, name, ["live:write"])[0]} for name in ("one", "other"))
        events = play(match="much", rounds=20)
        assert client.post(f"{EVENTS}/batch", json=events[:5], headers=one).status_code == 202
        answered = client.post(f"{EVENTS}/batch", json=events[5:405], headers=one)  # minutes' worth of its rate
        assert answered.status_code == 429 and int(answered.headers["retry-after"]) >= 1
        assert len(client.app.state.live.log.kept(uid("much"))) <= 5
        assert client.post(f"{EVENTS}/batch", json=play(match="little")[:5], headers=other).status_code == 202


def test_the_document_names_statuses() -> None:
    assert documented.statuses("/api/v1/events") == {
        "POST /api/v1/events": "200 202", "POST /api/v1/events/batch": "202",
    }  # fmt: skip
