"""What the live feed needs of the gateway around it: the champion is fetched once somebody asks for a price."""

import asyncio

import pytest

from bento.gateway.live import room
from cs2_pipeline.live.history import HistoryUnavailableError

STATE = {
    "ct_alive": 4, "t_alive": 3, "ct_equip_value": 20000, "t_equip_value": 15000, "ct_money": 8000, "t_money": 4000,
    "bomb_planted": 0, "time_remaining": 90, "ct_score": 7, "t_score": 8,
}  # fmt: skip


@pytest.fixture
def idle(gateway, monkeypatch):
    """A gateway whose follower is not started, whatever is asked for."""

    async def follow(_cache):
        await asyncio.Event().wait()

    monkeypatch.setattr(room, "keep_following", follow)
    return gateway


def test_who_asks_for_a_price_first_is_told_that_there_is_no_champion_and_makes_it_be_fetched(idle):
    assert idle.app.state.champion_asked_for is False
    refused = idle.post("/api/v1/what-if/round", json=STATE)
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:cs2-pipeline:problem:no-model")
    assert refused.headers["retry-after"] == "5" and "round_predictor" in refused.json()["detail"]
    assert idle.app.state.champion_asked_for is True


def test_who_opens_the_forecasts_makes_the_champion_be_fetched(idle):
    assert idle.get("/forecasts", headers={"Accept": "text/html"}).status_code == 200
    assert idle.app.state.champion_asked_for is True


def test_a_history_that_cannot_be_read_is_said(idle, monkeypatch):
    def away(*_, **__):
        raise HistoryUnavailableError("it is being restored")

    monkeypatch.setattr(idle.app.state.live.history, "ask", away)
    for path in ("/api/v1/matches", "/api/v1/matches/m", "/api/v1/matches/m/curve"):
        refused = idle.get(path)
        assert (refused.status_code, refused.json()["detail"]) == (503, "it is being restored"), path
    told = idle.post("/graphql", json={"query": '{ match(id: "m") { id } }'}).json()
    assert [one["message"] for one in told["errors"]] == ["it is being restored"]
