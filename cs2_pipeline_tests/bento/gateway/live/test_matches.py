"""Matches, rounds, prices and teams out over HTTP."""

import json
from types import SimpleNamespace

from bento.gateway.access import NEWCOMER
from bento.gateway.http import paging
from bento.gateway.live import matches as routes
from bento.gateway.live import stream
from cs2_pipeline_tests.bento.gateway.live.conftest import EVENTS, await_that, finished
from cs2_pipeline_tests.live.made import Feed, play, uid


def test_a_match_is_priced_to_its_end(feed) -> None:
    match, view = finished(feed, "priced", rounds=3)
    assert view["status"] == "FINISHED" and view["team_a"]["name"] == "Löwen ☻"
    (of_map,) = view["maps"]
    assert of_map["team_a_score"] + of_map["team_b_score"] == 3
    assert sum(player["kills"] for player in of_map["players"]) == sum(p["deaths"] for p in of_map["players"])
    prediction = feed.get(f"/api/v1/matches/{match}/prediction").json()
    assert prediction == view["prediction"]
    assert prediction["p_team_a_win"] in (0.0, 1.0) and prediction["p_team_a_win"] == (view["winner"] == "A")
    assert prediction["confidence"] == 1.0 and prediction["model_version"] == "1"
    history = feed.get(f"/api/v1/matches/{match}/history").json()
    assert [one["state_version"] for one in history] == list(range(1, view["state_version"] + 1))
    rounds = feed.get(f"/api/v1/matches/{match}/rounds").json()
    assert [one["round_no"] for one in rounds] == [1, 2, 3]
    assert all(0 <= one["clutch_index"] <= 1 and -1 <= one["momentum"] <= 1 for one in rounds)
    stats = feed.get(f"/api/v1/matches/{match}/stats").json()
    assert stats["events"]["round_end"] == 3
    metrics = feed.get("/api/v1/teams/10/metrics").json()
    assert metrics["rounds"] >= 3 and metrics["kills"] > 0
    assert match in {one["match_id"] for one in feed.get("/api/v1/matches?status=finished").json()["items"]}


def test_matches_are_listed_in_pages(feed) -> None:
    for number in range(3):
        finished(feed, f"listed {number}", rounds=1, finish=False)
    seen, after = [], None
    while True:
        page = feed.get("/api/v1/matches", params={"status": "live", "limit": 2, **({"after": after} if after else {})})
        seen += [one["match_id"] for one in page.json()["items"]]
        after = page.json()["next"]
        if after is None:
            break
    assert len(seen) == len(set(seen))
    assert {uid(f"listed {number}") for number in range(3)} <= set(seen)


def test_what_is_not_there_is_404(feed) -> None:
    for path in ("", "/prediction", "/history", "/rounds", "/stats"):
        assert feed.get(f"/api/v1/matches/{uid('nobody')}{path}").status_code == 404
    assert feed.get("/api/v1/teams/nobody/metrics").status_code == 404
    assert feed.get("/api/v1/matches?after=x").status_code == 422


def test_a_made_up_cursor_of_matches_is_refused(feed) -> None:
    for position in (["a"], [1, 2, 3], ["x", "y"], [None, None], [10**30, "a"]):
        answered = feed.get("/api/v1/matches", params={"after": paging.encode(position)})
        assert answered.status_code == 422, position


def test_a_map_never_seen_and_no_match_start_are_no_hindrance(feed) -> None:
    made = Feed("bare")
    made.round = 1
    made.say("round_start", team_a_score=0, team_b_score=0, team_a_side="T", team_b_side="CT")
    made.say("freeze_time_ended")
    assert feed.post(f"{EVENTS}/batch", json=made.events).status_code == 202
    found = await_that(
        lambda: (
            (seen := feed.get(f"/api/v1/matches/{uid('bare')}/prediction")).status_code == 200
            and seen.json()["state_version"] == 2
            and seen.json()
        )
    )
    assert 0 < found["round"]["p_team_a_win"] < 1


def test_matches_stand_with_the_latest_first_and_by_their_state(feed) -> None:
    names = ("ordered 1", "ordered 2")
    ended = finished(feed, names[0], rounds=1)[1]
    running = finished(feed, names[1], rounds=1, finish=False)[1]
    assert (ended["stale"], running["stale"]) == (False, False)

    def listed(**query):
        return [one["match_id"] for one in feed.get("/api/v1/matches", params={"limit": 500, **query}).json()["items"]]

    every, live, over = listed(), listed(status="live"), listed(status="finished")
    assert uid(names[1]) in live and uid(names[0]) in over
    assert not set(live) & set(over) and set(live) | set(over) == set(every)
    assert every.index(uid(names[1])) < every.index(uid(names[0]))
    assert feed.get("/api/v1/matches?status=lost").status_code == 422
    assert [len(listed(limit=number)) for number in (1, 2)] == [1, 2]


def test_prices_and_rounds_of_one_map_alone_are_told(feed) -> None:
    match, view = finished(feed, "two maps", rounds=2, maps=2)
    first, second = view["maps"]
    assert [one["phase"] for one in view["maps"]] == ["over", "over"]
    for path in ("history", "rounds"):
        whole = feed.get(f"/api/v1/matches/{match}/{path}").json()
        parts = [feed.get(f"/api/v1/matches/{match}/{path}?map_id={one['map_id']}").json() for one in (first, second)]
        assert all(
            {each["map_id"] for each in part} == {one["map_id"]} for part, one in zip(parts, view["maps"], strict=True)
        )
        assert len(whole) >= len(parts[0]) + len(parts[1]) > 0
        assert feed.get(f"/api/v1/matches/{match}/{path}?map_id={uid('no map')}").json() == []
    stats = feed.get(f"/api/v1/matches/{match}/stats").json()
    assert (stats["match_id"], stats["maps"]) == (match, view["maps"])
    assert stats["events"]["map_end"] == 2


def test_a_price_that_was_replaced_is_told_only_to_who_asks_for_those_too(feed) -> None:
    match, view = finished(feed, "corrected", rounds=1)
    kill = next(one for one in play(3, match="corrected", rounds=1) if one["type"] == "kill")
    fixed = {**kill, "event_id": uid("a correction"), "type": "correction", "seq_no": view["state_version"] + 1,
             "payload": {"event_id": kill["event_id"], "void": True}}  # fmt: skip
    assert feed.post("/api/v1/events", json=fixed).status_code == 202
    address = f"/api/v1/matches/{match}/history"
    both = await_that(
        lambda: len(every := feed.get(f"{address}?superseded=true").json()) > view["state_version"] and every
    )
    standing = feed.get(address).json()
    points = f'{{ predictionHistory(matchId: "{match}") {{ points {{ stateVersion pTeamAWin }} }} }}'
    told = feed.post("/graphql", json={"query": points}).json()["data"]["predictionHistory"]["points"]
    assert told == [{"stateVersion": one["state_version"], "pTeamAWin": one["p_team_a_win"]} for one in standing]
    gone = {one["supersedes"] for one in both} - {None}
    assert gone and not gone & {one["price_id"] for one in standing}
    assert len(standing) < len(both) and [one for one in both if one["price_id"] in gone]


def test_a_match_without_a_price_says_so(feed) -> None:
    event = play(match="unpriced")[0] | {"type": "coach_shouts", "payload": {}}
    assert feed.post("/api/v1/events", json=event).status_code == 202
    await_that(lambda: feed.get(f"/api/v1/matches/{uid('unpriced')}").status_code == 200)
    answered = feed.get(f"/api/v1/matches/{uid('unpriced')}/prediction")
    assert (answered.status_code, answered.json()["type"]) == (404, "urn:cs2-pipeline:problem:no-price")


def test_too_many_who_listen_are_turned_away_for_a_while(feed, monkeypatch) -> None:
    monkeypatch.setattr("cs2_pipeline.live.hub.MAX_SUBSCRIBERS", 0)
    answered = feed.get(f"/api/v1/matches/{uid('any')}/stream")
    assert (answered.status_code, answered.headers["retry-after"]) == (429, "10")


def test_a_stream_begins_with_the_last_price_where_there_is_one(feed, monkeypatch) -> None:
    match, view = finished(feed, "streamed", rounds=1)
    monkeypatch.setattr(stream, "BEAT", 0.01)

    async def third_message(of):
        answered = await routes.stream(SimpleNamespace(app=feed.app), NEWCOMER, of)
        assert answered.media_type == "text/event-stream" and answered.headers["cache-control"] == "no-store"
        frames = answered.body_iterator
        _retry, _stands, third = [await anext(frames) for _ in range(3)]
        await frames.aclose()
        return third

    price = feed.portal.call(third_message, match)
    assert price.startswith(b"event: prediction\ndata: ")
    assert json.loads(price.partition(b"data: ")[2])["state_version"] == view["state_version"]
    assert feed.portal.call(third_message, uid("never seen")) == b": still here\n\n"
