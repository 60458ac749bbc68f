"""Game servers and clients post in their own language and become matches."""

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


def test_the_token_of_state_integration_opens_its_door_alone(tmp_path) -> None:
    with open_gateway(tmp_path, client=ELSEWHERE, gsi_token="open sesame") as client:
        for token, status in (("open sesame", 202), ("guess", 401), (None, 401)):
            body = {"auth": {"token": token}} if token else {}
            assert client.post("/api/v1/sources/gsi", json=body).status_code == status
        assert client.post(EVENTS, json=play()[0]).status_code == 401


def test_the_document_names_statuses() -> None:
    assert documented.statuses("/api/v1/sources") == {
        "POST /api/v1/sources/gsi": "202", "POST /api/v1/sources/server-log": "202",
    }  # fmt: skip
