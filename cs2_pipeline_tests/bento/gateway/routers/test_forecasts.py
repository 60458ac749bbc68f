"""Forecasts over HTTP: the old contract as it was, ours beside it, and an entry in the ledger for each answer."""

import asyncio
import contextlib
import hashlib
import json
import math
import sqlite3
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from bento.gateway import forecasts as forecasting
from cs2_pipeline.forecasting import directories, scores
from cs2_pipeline.records import ledger, settlements, tokens
from cs2_pipeline.records.settlements import Verdict
from cs2_pipeline_tests.bento.gateway import documented
from cs2_pipeline_tests.bento.gateway.conftest import ELSEWHERE, open_gateway
from cs2_pipeline_tests.forecasting import league
from cs2_pipeline_tests.forecasting.league import players


@pytest.fixture
def gateway(tmp_path):
    with open_gateway(tmp_path) as client:
        open_doors(client)
        yield client


def open_doors(client):
    league.fill(client.app.state.records)
    client.app.state.forecasting.forecaster = league.Strengths()
    client.app.state.forecasting.directories = directories.load(client.app.state.records)


OLD = {
    "map_id": "de_mirage", "team1_id": "t1", "team2_id": "t2",
    "team1_player_ids": players("t1"), "team2_player_ids": players("t2"),
}  # fmt: skip


def records(gateway):
    return gateway.app.state.records


def test_the_old_contract_is_answered_as_it_was_and_written_down(gateway):
    answered = gateway.post("/forecast/get_team1_win_probability", json=OLD)
    assert answered.status_code == 200
    body = answered.json()
    assert set(body) == {"team1_id", "team2_id", "team1_win_probability", "team2_win_probability"}
    assert body["team1_win_probability"] + body["team2_win_probability"] == pytest.approx(1)
    assert body["team1_win_probability"] > 0.5
    (entry,) = ledger.entries(records(gateway))
    assert entry.content["probability"] == body["team1_win_probability"]


def test_ids_may_be_numbers_and_come_back_as_they_were(gateway):
    from cs2_pipeline.records.directories import MAP, PLAYER, TEAM, Entry, replace

    names = [Entry(MAP, "7", "7", 1, league.AT), *(Entry(TEAM, str(k), f"team {k}", 1, league.AT) for k in (1, 2))]
    names += [Entry(PLAYER, str(k), f"player {k}", 1, league.AT) for k in range(10, 20)]
    replace(records(gateway), names)
    old = gateway.app.state.forecasting.directories.revision
    while gateway.app.state.forecasting.directories.revision == old:  # a gateway that runs notices by itself
        time.sleep(0.05)
    asked = {"map_id": 7, "team1_id": 1, "team2_id": "2", "team1_player_ids": list(range(10, 15)),
             "team2_player_ids": [*map(str, range(15, 20))]}  # fmt: skip
    body = gateway.post("/forecast/get_team1_win_probability", json=asked).json()
    assert (body["team1_id"], body["team2_id"]) == (1, "2")


def test_in_camel_case_it_is_answered_in_camel_case(gateway):
    asked = {"mapId": "de_mirage", "team1Id": "t1", "team2Id": "t2"}
    asked |= {"team1PlayerIds": players("t1"), "team2PlayerIds": players("t2")}
    body = gateway.post("/forecast/get_team1_win_probability", json=asked).json()
    assert set(body) == {"team1Id", "team2Id", "team1WinProbability", "team2WinProbability"}


@pytest.mark.parametrize(
    ("change", "field", "told"),
    [
        ({"map_id": "de_mirag"}, "map_id", "nearest: de_mirage"),
        ({"map_id": "de_season9"}, "map_id", "never played"),
        ({"team1_id": "Northern Light"}, "team1_id", "Northern Lights"),
        ({"team1_player_ids": ["t1p9", *players("t1")[1:]]}, "team1_player_ids[0]", "nick of t1p"),
        ({"team1_player_ids": [*players("t1"), "t3p1"]}, "team1_player_ids", "at most 5"),
        ({"team2_player_ids": [*players("t2")[1:], "t1p1"]}, "team2_player_ids", "both sides"),
        ({"team2_player_ids": ["t2p1"] * 2}, "team2_player_ids", "twice"),
        ({"team1_id": True}, "team1_id", ""),
        ({"team1_id": None}, "team1_id", ""),
        ({"team1_player_ids": "t1p1"}, "team1_player_ids", "list"),
        ({"map": "de_mirage"}, "map", "not a field"),
    ],
)
def test_bad_input_is_named_and_not_written_down(gateway, change, field, told):
    answered = gateway.post("/forecast/get_team1_win_probability", json=OLD | change)
    assert answered.status_code == 422
    errors = {
        one["field"].partition(".int")[0].partition(".constr")[0]: one["message"] for one in answered.json()["errors"]
    }
    named = next(name for name in errors if name.startswith(field))
    assert told in errors[named]
    assert ledger.head(records(gateway)).seq == 0


def test_a_line_up_with_fewer_than_five_is_answered_with_a_wider_interval_and_a_note(gateway):
    def asked(line_up):
        body = {"map_id": "de_mirage", "team1_id": "t1", "team2_id": "t2", "team1_player_ids": line_up}
        return gateway.post("/api/v1/forecasts/map", json=body).json()

    five, four = asked(players("t1")), asked(players("t1")[:4])
    assert four["interval"][1] - four["interval"][0] > five["interval"][1] - five["interval"][0]
    assert any("4 of 5 players" in note for note in four["notes"])


def test_a_map_and_a_series_are_answered_with_maps_scores_and_their_place(gateway):
    one = gateway.post("/api/v1/forecasts/map", json={"map_id": "de_nuke", "team1_id": "t1", "team2_id": "t3"}).json()
    assert one["model_version"] == "1"
    assert sum(each["probability"] for each in one["final_scores"]) == pytest.approx(1)
    asked = {
        "best_of": 3,
        "map_ids": ["de_nuke"],
        "team1_id": "t1",
        "team2_id": "t3",
        "score": {"team1": 1, "team2": 0},
    }
    three = gateway.post("/api/v1/forecasts/series", json=asked).json()
    assert {(each["team1"], each["team2"]) for each in three["final_scores"]} == {(2, 0), (2, 1), (1, 2)}
    assert three["maps"][0] == {
        "map_id": "de_nuke", "known": True, "team1_win_probability": one["team1_win_probability"],
        "team2_win_probability": one["team2_win_probability"], "interval": one["interval"],
    }  # fmt: skip
    assert three["ledger"]["seq"] == 2
    low, high = three["interval"]
    assert low <= three["team1_win_probability"] <= high


def test_what_is_asked_of_a_map_or_series_under_way_is_what_is_forecast(gateway):
    score = {"team1": 7, "team2": 5}
    for began, began_ct in (({}, True), ({"team1_began_as": "CT"}, True), ({"team1_began_as": "T"}, False)):
        asked = {"team1_id": "t1", "team2_id": "t3", "map_id": "de_nuke", "score": score | began}
        gateway.post("/api/v1/forecasts/map", json=asked)
        *_, entry = ledger.entries(records(gateway))
        assert entry.content["asked"]["map_score"] == [7, 5, began_ct]
    asked = SERIES | {
        "best_of": 5, "map_ids": ["de_nuke", "de_mirage"], "banned": ["de_dust2"], "score": {"team1": 2, "team2": 1},
        "map_score": score, "starts_at": "2026-02-01T12:00:00+01:00", "team1_player_ids": players("t1")[1:],
    }  # fmt: skip
    made = gateway.post("/api/v1/forecasts/series", json=asked).json()
    *_, entry = ledger.entries(records(gateway))
    assert entry.content["asked"] == {
        "best_of": 5, "map_ids": ["de_nuke", "de_mirage"], "banned": ["de_dust2"], "maps_won": [2, 1],
        "map_score": [7, 5, True], "starts_at": "2026-02-01T11:00:00.000000Z",
        "player_ids": [players("t1")[1:], players("t3")],
    }  # fmt: skip
    assert [one["known"] for one in made["maps"]] == [True, True, False, False, False]
    wrong = gateway.post("/api/v1/forecasts/series", json=SERIES | {"map_ids": ["de_nuke", "de_x"]}).json()
    assert [one["field"] for one in wrong["errors"]] == ["map_ids[1]"]


def test_a_forecast_is_found_again_with_its_proof(gateway):
    made = gateway.post("/api/v1/forecasts/map", json={"team1_id": "t1", "team2_id": "t3"}).json()
    found = gateway.get(f"/api/v1/forecasts/{made['id']}").json()
    proof = found["proof"]
    assert hashlib.sha256(proof["body"].encode()).hexdigest() == proof["hash"] == made["ledger"]["hash"]
    assert json.loads(proof["body"])["previous"] == proof["previous"] == ledger.GENESIS
    assert found["settlement"] is None
    settlements.record(records(gateway), [Verdict(made["id"], "lost", "m1", "2026-01-18")])
    *_, settlement = ledger.entries(records(gateway))
    assert gateway.get(f"/api/v1/forecasts/{settlement.id}").status_code == 404, "it is in the ledger and no forecast"
    became = gateway.get(f"/api/v1/forecasts/{made['id']}").json()["settlement"]
    assert (became["status"], became["result_id"], became["revision"]) == ("lost", "m1", 1)
    assert gateway.get("/api/v1/forecasts/none").status_code == 404


def test_forecasts_are_listed_by_team_day_and_settlement_page_by_page(gateway):
    ids = [gateway.post("/api/v1/forecasts/map", json={"team1_id": "t1", "team2_id": two}).json()["id"]
           for two in ("t2", "t3", "t4")]  # fmt: skip
    settlements.record(records(gateway), [Verdict(ids[1], "won", "m1", "2026-01-18")])

    def listed(**query):
        return [one["id"] for one in gateway.get("/api/v1/forecasts", params=query).json()["items"]]

    assert listed() == ids[::-1]
    assert listed(team="t3") == [ids[1]]
    assert listed(settled=True) == [ids[1]]
    assert listed(settled=False) == [ids[2], ids[0]]
    asked_on = datetime.fromisoformat(gateway.get(f"/api/v1/forecasts/{ids[0]}").json()["asked_at"]).date()
    for day, found in ((asked_on, ids[::-1]), (asked_on - timedelta(days=1), []), (asked_on + timedelta(days=1), [])):
        assert listed(day=f"{day}") == found
    assert listed(day="9999-12-31") == []
    first = gateway.get("/api/v1/forecasts", params={"limit": 2}).json()
    second = gateway.get("/api/v1/forecasts", params={"limit": 2, "after": first["next"]}).json()
    assert [one["id"] for one in first["items"] + second["items"]] == ids[::-1]
    assert second["next"] is None
    assert gateway.get("/api/v1/forecasts", params={"after": "nonsense"}).status_code == 422


def test_scores_say_how_good_forecasts_were(gateway):
    ids = [
        gateway.post("/api/v1/forecasts/map", json={"team1_id": "t1", "team2_id": "t4"}).json()["id"] for _ in range(3)
    ]
    settlements.record(records(gateway), [Verdict(ids[0], "won", "m1", ""), Verdict(ids[1], "forfeited", "m2", "")])
    found = gateway.get("/api/v1/forecasts/scores").json()
    assert (found["overall"]["won"], found["overall"]["forfeited"], found["overall"]["open"]) == (1, 1, 1)
    assert (found["overall"]["lost"], found["overall"]["not_played"], found["overall"]["forecasts"]) == (0, 0, 3)
    assert 0 < found["overall"]["log_loss"] < 0.7
    assert [one["name"] for one in found["by_version"]] == ["1"]
    assert len(found["by_month"]) == 1


def test_forecasts_and_how_good_they_were_are_told_to_prometheus(tmp_path, monkeypatch):
    def told(name, **labels):
        return REGISTRY.get_sample_value(name, labels) or 0.0

    monkeypatch.setattr(forecasting, "SCORE_SECONDS", 0.05)
    before = {kind: told("forecasts_total", kind=kind) for kind in ("map", "series")}
    with open_gateway(tmp_path) as gateway:
        open_doors(gateway)
        made = gateway.post("/api/v1/forecasts/series", json=SERIES).json()
        assert gateway.post("/api/v1/forecasts/series", json=SERIES | {"team1_id": "nobody"}).status_code == 422
        assert [told("forecasts_total", kind=kind) - before[kind] for kind in ("map", "series")] == [0, 1]
        settlements.record(records(gateway), [Verdict(made["id"], "lost", "m1", "")])
        loss = -math.log(made["team2_win_probability"])
        while told("forecast_log_loss") != pytest.approx(loss, abs=1e-5):
            time.sleep(0.01)


SERIES = {"team1_id": "t1", "team2_id": "t3", "best_of": 3}


def test_odds_given_with_a_question_are_in_its_entry_and_change_nothing_else(gateway):
    without = gateway.post("/api/v1/forecasts/series", json=SERIES).json()
    with_odds = gateway.post("/api/v1/forecasts/series", json=SERIES | {"market_odds": [1.62, 2.4]}).json()
    assert without["market"] is None
    assert with_odds["market"] == {"odds": [1.62, 2.4], "margin": 0.033951, "team1_win_probability": 0.597015}
    assert with_odds["team1_win_probability"] == without["team1_win_probability"]
    first, second = ledger.entries(records(gateway))
    assert "market_odds" not in first.content
    assert second.content["market_odds"] == [1.62, 2.4]
    assert second.content["inputs_digest"] == first.content["inputs_digest"]
    listed = gateway.get("/api/v1/forecasts").json()["items"]
    assert [one["market"] for one in listed] == [with_odds["market"], None]


def test_odds_cannot_be_chosen_after_the_result(gateway):
    made = gateway.post("/api/v1/forecasts/series", json=SERIES | {"market_odds": [1.6, 2.4]}).json()
    with records(gateway).writing() as connection:
        connection.execute(text("UPDATE ledger SET body = replace(body, '[1.6,2.4]', '[9.0,1.1]')"))
    (fault,) = gateway.get("/api/v1/forecasts/ledger/verify").json()["faults"]
    assert (fault["id"], fault["what"]) == (made["id"], "was changed: its hash is not that of its body")


@pytest.mark.parametrize(
    ("odds", "field"),
    [
        ([1.6], "market_odds"),
        ([1.6, 1.0], "market_odds[1]"),
        ([1.6, None], "market_odds[1]"),
        ([1.01, 1.01], "market_odds"),
        ("evens", "market_odds"),
    ],
)
def test_odds_that_are_none_are_refused_and_nothing_is_written_down(gateway, odds, field):
    refused = gateway.post("/api/v1/forecasts/series", json=SERIES | {"market_odds": odds})
    assert refused.status_code == 422
    assert field in [one["field"] for one in refused.json()["errors"]]
    assert ledger.head(records(gateway)).seq == 0


def test_the_distance_to_the_market_stands_by_month_and_version_where_odds_were_given(gateway):
    odds = {"market_odds": [1.6, 2.4]}
    ids = [gateway.post("/api/v1/forecasts/series", json=SERIES | more).json()["id"] for more in (odds, {})]
    settlements.record(records(gateway), [Verdict(one, "won", f"m{one}", "") for one in ids])
    found = gateway.get("/api/v1/forecasts/scores").json()
    (cell,) = found["by_month_and_version"]
    assert (cell["month"], cell["version"]) == (found["by_month"][0]["name"], "1")
    for one in (found["overall"], found["by_month"][0], cell):
        assert (one["matches"], one["market"]["matches"]) == (2, 1)
        assert one["market"]["market_log_loss"] == pytest.approx(-math.log(0.6))
        assert one["market"]["difference"] == pytest.approx(one["market"]["log_loss"] + math.log(0.6))


def test_the_export_is_verified_with_what_the_docs_say(gateway, tmp_path):
    for team in ("t2", "t3", "t4"):
        gateway.post("/api/v1/forecasts/map", json={"team1_id": "t1", "team2_id": team})
    lines = gateway.get("/api/v1/forecasts/ledger/export").text
    previous, last = ledger.GENESIS, 0
    for line in lines.splitlines():
        digest, _, body = line.partition(" ")
        assert hashlib.sha256(body.encode()).hexdigest() == digest
        entry = json.loads(body)
        assert (entry["seq"], entry["previous"]) == (last + 1, previous)
        previous, last = digest, entry["seq"]
    assert gateway.get("/api/v1/forecasts/ledger").json()["head"] == {"seq": 3, "hash": previous}
    assert gateway.get("/api/v1/forecasts/ledger/export?after_seq=2").text == lines.splitlines(keepends=True)[2]


def test_a_tampered_ledger_is_found_and_the_entry_named(gateway):
    made = gateway.post("/api/v1/forecasts/map", json={"map_id": "de_nuke", "team1_id": "t1", "team2_id": "t3"}).json()
    assert gateway.get("/api/v1/forecasts/ledger/verify").json() == {"holds": True, "entries": 1, "faults": []}
    with records(gateway).writing() as connection:
        connection.execute(text("UPDATE ledger SET body = replace(body, 'de_nuke', 'de_dust2')"))
    found = gateway.get("/api/v1/forecasts/ledger/verify").json()
    assert not found["holds"]
    assert (found["faults"][0]["seq"], found["faults"][0]["id"]) == (1, made["id"])


def test_without_a_champion_it_says_so_and_looks_for_one_from_then_on(gateway):
    gateway.app.state.forecasting.forecaster = None
    assert not gateway.app.state.champion_asked_for
    answered = gateway.post("/forecast/get_team1_win_probability", json=OLD)
    assert answered.status_code == 503
    assert gateway.app.state.champion_asked_for
    assert "match_forecaster" in answered.json()["detail"]
    assert "retry-after" in answered.headers


def test_with_a_champion_that_cannot_be_used_it_says_why(gateway):
    gateway.app.state.forecasting.forecaster = None
    gateway.app.state.forecasting.refused = "match_forecaster: not a readable state of ratings"
    answered = gateway.post("/forecast/get_team1_win_probability", json=OLD)
    assert answered.status_code == 503
    assert "not a readable state of ratings" in answered.json()["detail"]


def test_with_locked_records_nothing_is_answered_and_nothing_is_lost(tmp_path, monkeypatch):
    monkeypatch.setattr("cs2_pipeline.records.database.BUSY_SECONDS", 0.1)
    with open_gateway(tmp_path) as gateway:
        open_doors(gateway)
        locked = sqlite3.connect(tmp_path / "records.db", isolation_level=None)
        locked.execute("BEGIN IMMEDIATE")
        refused = gateway.post("/forecast/get_team1_win_probability", json=OLD)
        assert refused.status_code == 503
        locked.execute("ROLLBACK")
        while gateway.post("/forecast/get_team1_win_probability", json=OLD).status_code == 503:
            pass  # what the gateway itself writes in the background may still hold them
        assert ledger.head(records(gateway)).seq == 1
        assert ledger.verify(records(gateway)) == []


def test_from_elsewhere_forecasts_need_a_key_with_their_scope(tmp_path):
    from cs2_pipeline.records import keys

    with open_gateway(tmp_path, client=ELSEWHERE) as gateway:
        open_doors(gateway)
        right, _ = keys.create(records(gateway), "a bot", ["forecast"], daily_quota=2)
        wrong, _ = keys.create(records(gateway), "a feed", ["live:write"])
        path = "/forecast/get_team1_win_probability"
        assert gateway.post(path, json=OLD).status_code == 401
        assert gateway.post(path, json=OLD, headers={"X-API-Key": wrong}).status_code == 403
        assert gateway.post(path, json=OLD, headers={"X-API-Key": right}).status_code == 200
        assert gateway.post(path, json=OLD, headers={"Authorization": f"Bearer {right}"}).status_code == 200
        used_up = gateway.post(path, json=OLD, headers={"X-API-Key": right})
        assert used_up.status_code == 429
        assert int(used_up.headers["retry-after"]) > 0


def test_an_expired_or_forged_token_gets_no_forecast_and_is_told_why(gateway, monkeypatch):
    signer = gateway.app.state.access.signer
    forged = signer.issue("somebody", "a session")[:-4] + "AAAA"
    monkeypatch.setattr(tokens, "TOKEN_LIFE", -tokens.TOKEN_LIFE)
    expired = signer.issue("somebody", "a session")
    monkeypatch.undo()
    for token, told in ((expired, "has expired"), (forged, "is not a token of this platform")):
        refused = gateway.post("/api/v1/forecasts/series", json=SERIES, headers={"Authorization": f"Bearer {token}"})
        assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")
        assert told in refused.json()["detail"]
    assert ledger.head(records(gateway)).seq == 0


def test_the_verification_in_the_docs_accepts_the_export_and_names_what_was_changed(gateway, tmp_path):
    page = (Path(__file__).parents[4] / "docs" / "ledger.md").read_text()
    code = page.partition("```python\n")[2].partition("```")[0].partition("print(")[0]
    known: dict = {}
    exec(code, known)  # noqa: S102  our own page
    verify = known["verify"]
    for team in ("t2", "t3", "t4"):
        gateway.post("/api/v1/forecasts/map", json={"team1_id": "t1", "team2_id": team})
    lines = gateway.get("/api/v1/forecasts/ledger/export").text.splitlines(keepends=True)
    kept = {3: lines[2].partition(" ")[0]}
    assert verify(lines, kept) == "3 entries hold"
    assert verify([lines[0], lines[1].replace('"t3"', '"t4"'), lines[2]], {}) == "entry 2 was changed"
    assert "entry 2 is missing" in verify([lines[0], lines[2]], {})
    assert "entry 1 is missing" in verify([lines[1], lines[0], lines[2]], {})
    assert verify(lines[:2], kept) == "entries were cut off at the end"
    assert verify(lines, {3: "0" * 64}) == "entry 3 is not the one that was published"


def test_working_out_the_scores_keeps_nobody_waiting(gateway, monkeypatch):
    """The thread that answers everybody has a running event loop; what takes long is done in another."""
    whole, running = scores.score, []

    def noted(history):
        with contextlib.suppress(RuntimeError):
            running.append(asyncio.get_running_loop())
        return whole(history)

    monkeypatch.setattr(scores, "score", noted)
    assert gateway.get("/api/v1/forecasts/scores").status_code == 200
    assert running == []


def test_the_document_names_the_limits_of_a_question():
    identifier, line_up, odds = (100, 1), (50, 100, 1), (2, 2, 1, 1000)
    teams = {"team1_id": identifier, "team2_id": identifier}
    old = {f"{team}_player_ids": line_up for team in ("team1", "team2")} | teams
    assert documented.limits("OldQuestion") == old | {"map_id": identifier}
    assert documented.limits("MapQuestion") == old | {"map_id": identifier, "market_odds": odds}
    maps = {"map_ids": (20, 100, 1), "banned": (20, 100, 1)}
    assert documented.limits("SeriesQuestion") == old | maps | {"market_odds": odds}
    assert documented.limits("Maps") == {"team1": (3, 0), "team2": (3, 0)}
    assert documented.limits("Rounds") == {"team1": (200, 0), "team2": (200, 0)}
    assert documented.limits("ForecastAnswer")["interval"] == (2, 2, 1, 0)
    assert documented.statuses("/api/v1/forecasts") == documented.statuses("/forecast/") == {}
