"""Game servers and clients post in their own language and become matches."""

import pytest

from bento.gateway.live import sources
from cs2_pipeline_tests.bento.gateway import documented
from cs2_pipeline_tests.bento.gateway.conftest import ELSEWHERE, open_gateway
from cs2_pipeline_tests.bento.gateway.live.conftest import EVENTS, await_that
from cs2_pipeline_tests.live.made import play, uid
from cs2_pipeline_tests.live.sources.test_gsi import everybody, post
from cs2_pipeline_tests.live.sources.test_server_log import CT, Lines, T


def test_a_game_servers_log_lines_become_a_match(feed) -> None:
    lines = Lines()
    lines.start()
    lines.wipe(T, CT)
    lines.end("CT", "SFUI_Notice_CTs_Win", 1, 0)
    half = len(lines.text) // 2
    for part in (lines.text[:half], lines.text[half:]):
        answered = feed.post(
            "/api/v1/sources/server-log", params={"match_id": uid("log")}, content="\n".join(part).encode()
        )
        assert answered.status_code == 202 and answered.json()["events"] > 0
    view = await_that(
        lambda: (
            (seen := feed.get(f"/api/v1/matches/{uid('log')}")).status_code == 200
            and seen.json()["maps"][0]["team_a_score"] == 1
            and seen.json()
        )
    )
    assert view["team_a"]["name"] == "Löwen" and view["maps"][0]["map_name"] == "de_mirage"


def test_state_integration_becomes_a_match(feed) -> None:
    for body in (post(100, "freezetime", players=everybody()), post(115, "live", players=everybody(dead=(1,)))):
        assert feed.post("/api/v1/sources/gsi", params={"match_id": uid("gsi")}, json=body).status_code == 202
    await_that(lambda: feed.get(f"/api/v1/matches/{uid('gsi')}/prediction").status_code == 200)
    assert feed.post("/api/v1/sources/gsi", json=[]).status_code == 422


@pytest.mark.parametrize(
    ("content", "status", "told"),
    [(b"{", 400, "truncated"), (b"[]", 422, "must be an object"),
     (b'{"map":{"mode":"c","name":"de_nuke","phase":"live","team_ct":{"score":"many"}}}', 422,
      "is not what the game sends: invalid literal")],
)  # fmt: skip
def test_what_no_game_client_sends_is_refused(feed, content, status, told) -> None:
    answered = feed.post("/api/v1/sources/gsi", content=content, headers={"content-type": "application/json"})
    assert answered.status_code == status and told in answered.text
    assert [one["field"] for one in answered.json().get("errors", ())] == ["body"] * (status == 422)


def test_the_token_of_state_integration_opens_its_door_alone(tmp_path) -> None:
    with open_gateway(tmp_path, client=ELSEWHERE, gsi_token="open sesame") as client:
        for token, status in (("open sesame", 202), ("guess", 401), (None, 401)):
            body = {"auth": {"token": token}} if token else {}
            assert client.post("/api/v1/sources/gsi", json=body).status_code == status
        assert client.post(EVENTS, json=play()[0]).status_code == 401


def test_a_server_that_names_no_match_plays_one_a_day_of_its_own(feed) -> None:
    def told(server, **query):
        headers = {"x-server-addr": server} if server else {}
        answered = feed.post("/api/v1/sources/server-log", content=b"", headers=headers, params=query)
        return answered.json()["match_id"]

    assert told("10.0.0.1:27015") == told("10.0.0.1:27015") != told("10.0.0.2:27015") != told("")
    assert told("10.0.0.1:27015", match_id=uid("named")) == uid("named")

    def client(who):
        return feed.post("/api/v1/sources/gsi", json={"provider": {"steamid": who}}).json()["match_id"]

    assert client("1") == client("1") != client("2")
    assert feed.post("/api/v1/sources/gsi", json={"provider": "a game"}).status_code == 202
    for best_of, status in (("0", 422), ("5", 202), ("6", 422)):
        answered = feed.post("/api/v1/sources/server-log", content=b"", params={"best_of": best_of})
        assert answered.status_code == status


def test_who_was_silent_longest_is_forgotten_first(monkeypatch) -> None:
    monkeypatch.setattr(sources, "MAX_SOURCES", 2)
    known, made = sources.Sources(), []

    def of(key):
        return known.of(key, lambda: made.append(key) or [key])

    first = of("a")
    of("b")
    assert of("a") is first
    of("c")
    assert of("a") is first
    of("b")
    assert made == ["a", "b", "c", "b"]


def test_the_token_in_a_body_counts_where_no_header_tells_who_asks(tmp_path) -> None:
    with open_gateway(tmp_path, client=ELSEWHERE, gsi_token="open sesame", admin_token="an admin") as client:
        right, wrong = ({"auth": {"token": token}} for token in ("open sesame", "guess"))
        for headers in ({"X-API-Key": "an admin"}, {"Authorization": "Bearer an admin"}):
            assert client.post("/api/v1/sources/gsi", json=wrong, headers=headers).status_code == 202
        for headers in ({"X-API-Key": "guess"}, {"Authorization": "Bearer guess"}):
            assert client.post("/api/v1/sources/gsi", json=right, headers=headers).status_code == 401
        for strange in ({"auth": "open sesame"}, {"auth": {"token": ["open sesame"]}}, {"auth": {"token": ""}}):
            assert client.post("/api/v1/sources/gsi", json=strange).status_code == 401
    with open_gateway(tmp_path, client=ELSEWHERE) as client:
        assert client.post("/api/v1/sources/gsi", json=right).status_code == 401, "no token was configured"


def test_the_document_names_statuses() -> None:
    assert documented.statuses("/api/v1/sources") == {
        "POST /api/v1/sources/gsi": "202", "POST /api/v1/sources/server-log": "202",
    }  # fmt: skip
