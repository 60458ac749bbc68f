"""The story of a match over HTTP: the curve of its price, swings, a round's events and states, other versions."""

import fcntl

import pytest

from bento.gateway.live import curve
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.bento.gateway.conftest import open_gateway
from cs2_pipeline_tests.bento.gateway.live.conftest import finished
from cs2_pipeline_tests.live.made import play, uid

EVENTS = play(3, match="curved", rounds=3, maps=2)
MATCH = uid("curved")
FIRST, SECOND = dict.fromkeys(event["map_id"] for event in EVENTS if event["type"] == "round_end")


@pytest.fixture(scope="module")
def told(feed):
    """What the gateway tells of the match: path in, document out."""
    finished(feed, "curved", rounds=3, maps=2)
    return lambda path, **query: feed.get(f"/api/v1/matches/{MATCH}{path}", params=query).json()


def of_map(map_id, *kinds):
    return [one for one in EVENTS if one["map_id"] == map_id and (not kinds or one["type"] in kinds)]


def test_each_map_has_its_curve_in_the_order_played(told):
    found = told("/curve")
    assert [one["map_id"] for one in found][-2:] == [FIRST, SECOND]
    for one in found:
        points = one["points"]
        history = told("/history", map_id=one["map_id"])
        assert points["event_id"] == [price["event_id"] for price in history]
        assert points["round_no"] == [price["round_no"] for price in history]
        assert points["trigger"] == [price["trigger_event_type"] for price in history]
        assert points["p"] == [price["map"]["p_team_a_win"] if price["map"] else None for price in history]
        for end, name in enumerate(("low", "high")):
            assert points[name] == [price["map"]["interval"][end] if price["map"] else None for price in history]
            assert points[f"round_{name}"] == [p["round"]["interval"][end] if p["round"] else None for p in history]
        assert points["round_p"] == [price["round"]["p_team_a_win"] if price["round"] else None for price in history]
        assert points["at"] == sorted(points["at"])
        assert points["at"][0] > 1_768_737_600.0, "the time of the event, in seconds since 1970"


def test_the_five_biggest_swings_and_the_movers_stand_in_the_order_of_their_size(told):
    one = next(found for found in told("/curve") if found["map_id"] == FIRST)
    sizes = [abs(swing["change"]) for swing in one["swings"]]
    assert len(sizes) == 5 and sizes == sorted(sizes, reverse=True)
    moved = [mover["moved"] for mover in one["movers"]]
    assert moved == sorted(moved, reverse=True) and len(moved) > 2
    assert all(round(each, 6) == each for each in moved)


def test_the_events_of_a_round_are_told_in_words_as_they_came(told):
    shown = told(f"/maps/{SECOND}/rounds/2/events")
    sent = [one for one in of_map(SECOND) if one["round_no"] == 2]
    assert [one["event_id"] for one in shown] == [one["event_id"] for one in sent]
    assert [one["type"] for one in shown] == [one["type"] for one in sent]
    kill = next(one for one in shown if one["type"] == "kill")
    assert kill["words"].startswith(f"{kill['payload']['killer_player_id']} kills ")
    assert shown[-1]["words"].startswith("team ") and shown[-1]["ts_event"].startswith("2026-01-18T")
    assert told(f"/maps/{SECOND}/rounds/9/events") == told(f"/maps/{uid('none')}/rounds/1/events") == []


def test_what_was_known_of_a_round_is_told_moment_by_moment(told):
    moments = told(f"/maps/{FIRST}/rounds/1/states")
    ids = {one["event_id"] for one in of_map(FIRST) if one["round_no"] == 1}
    assert moments and {one["event_id"] for one in moments} <= ids
    assert {one["team_a_side"] for one in moments} == {"CT"}
    alive = [one["team_a"]["alive"] + one["team_b"]["alive"] for one in moments]
    assert alive == sorted(alive, reverse=True) and alive[0] == 10
    (start,) = [one for one in of_map(FIRST, "economy_update") if one["round_no"] == 1]
    payload = start["payload"]
    told_of_a, told_of_b = ([one[team]["equip_value"] for one in moments] for team in ("team_a", "team_b"))
    assert payload["team_a_equipment_value"] in told_of_a and payload["team_b_equipment_value"] in told_of_b
    assert 8_000 in [one["team_b"]["money"] for one in moments]
    assert {one["bomb_planted"] for one in moments} <= {True, False}
    planted = [one for one in of_map(FIRST, "bomb_planted") if one["round_no"] == 1]
    assert any(one["bomb_planted"] for one in moments) == bool(planted)
    assert told(f"/maps/{FIRST}/rounds/9/states") == told(f"/maps/{uid('none')}/rounds/1/states") == []


@pytest.mark.parametrize("path", ["/curve", "/maps/x/rounds/1/events", "/maps/x/rounds/1/states",
                                  "/maps/x/versions?version=1"])  # fmt: skip
def test_a_match_that_was_never_seen_has_no_story(feed, path):
    answered = feed.get(f"/api/v1/matches/{uid('nobody')}{path}")
    assert (answered.status_code, answered.json()["type"]) == (404, "urn:cs2-pipeline:problem:unknown-match")


@pytest.fixture
def registered(home):
    """A gateway over a home with two versions of the round model, of which none was promoted."""
    for bias in (0.0, 1.0):
        home.register_round(bias=bias)
    cache = Settings(home=home.path).champion_cache
    cache.mkdir(parents=True)
    with (cache / "follower.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with open_gateway(home.path) as client:
            yield client


def test_a_map_is_priced_by_versions_that_were_never_promoted(registered, monkeypatch):
    finished(registered, "curved", rounds=1)
    one_map = next(one["map_id"] for one in play(3, match="curved", rounds=1) if one["type"] == "round_end")
    address = f"/api/v1/matches/{MATCH}/maps/{one_map}/versions"
    first, second = registered.get(address, params={"version": ["1", "2"]}).json()
    assert (first["version"], second["version"]) == ("1", "2")
    assert first["event_id"] == second["event_id"]
    assert first["round_p"] != second["round_p"]
    priced = [(number, p) for number, p in zip(first["round_no"], first["round_p"], strict=True) if p is not None]
    assert {number for number, _ in priced} == {1}
    assert 0 < first["log_loss"] != second["log_loss"]
    assert registered.get(address.replace(one_map, "other"), params={"version": "1"}).json()[0]["event_id"] == []
    assert registered.get(address).status_code == 422
    assert registered.get(address, params={"version": ["1", "2", "1"]}).status_code == 422
    unknown = registered.get(address, params={"version": "9"})
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:cs2-pipeline:problem:unknown-version")
    with monkeypatch.context() as damaged:

        def artifact(*_):
            raise curve.ArtifactError("its digest is another")

        damaged.setattr(curve, "_LOADED", type(curve._LOADED)())
        damaged.setattr(curve.ModelStore, "artifact", artifact)
        refused = registered.get(address, params={"version": "1"})
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:cs2-pipeline:problem:version-refused")
    settings = Settings(mlflow_tracking_uri="http://127.0.0.1:9", home=registered.app.state.settings.home)
    monkeypatch.setattr(registered.app.state, "settings", settings)
    away = registered.get(address, params={"version": "1"})
    assert (away.status_code, away.json()["type"]) == (503, "urn:cs2-pipeline:problem:registry-unreachable")


def test_versions_asked_for_lately_are_loaded_once(monkeypatch):
    monkeypatch.setattr(curve, "_LOADED", type(curve._LOADED)())
    made = []

    def ask(digest):
        return curve._loaded(digest, lambda: made.append(digest) or object())

    first = ask("a")
    for digest in "bcd":
        ask(digest)
    assert ask("a") is first
    ask("e")  # four are kept, and b was asked for longest ago
    for digest in "acde":
        ask(digest)
    assert made == list("abcde")
    ask("b")
    assert made == list("abcdeb")
