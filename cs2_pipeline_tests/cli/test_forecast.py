"""`cs2 forecast` against a running gateway: teams by name, the answer in words, and what is wrong with a question."""

import json

import pytest

from cs2_pipeline.records.database import open_records
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.bento.gateway.process import gateway
from cs2_pipeline_tests.bento.serving import free_port
from cs2_pipeline_tests.forecasting import league


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    home = tmp_path_factory.mktemp("gateway")
    records = open_records(Settings(home=home))
    league.fill(records)
    records.close()
    with gateway(home) as number:
        yield number


@pytest.fixture
def asking(cs2, port, monkeypatch):
    monkeypatch.setenv("CS2_GATEWAY_PORT", str(port))
    return cs2


def test_a_series_is_forecast_between_teams_by_name(asking):
    ended = asking("forecast", "--team", "northern lights", "--team", "Lotus", "--best-of", "3", "--map", "de_nuke")
    assert ended.status == 0, ended.err
    assert "Northern Lights" in ended.out
    assert "final score" in ended.out
    assert "of the ledger" in ended.out + ended.err


def test_json_is_the_gateways_answer(asking):
    ended = asking("forecast", "--team", "t1", "--team", "t2", "--score", "1:0", "--json")
    made = json.loads(ended.out)
    assert made["best_of"] == 3
    assert {(one["team1"], one["team2"]) for one in made["final_scores"]} == {(2, 0), (2, 1), (1, 2)}


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("--team", "Lotus"), 2, "two teams"),
        (("--team", "Lotos", "--team", "t1"), 1, "Lotus (t2)"),
        (("--team", "t1", "--team", "t2", "--map", "de_nuk"), 1, "de_nuke"),
        (("--team", "t1", "--team", "t2", "--score", "one"), 2, "such as 1:0"),
        (("--team", "t1", "--team", "t2", "--score", "2:2"), 1, "cannot be"),
        (("--team", "old", "--team", "t2"), 1, "give the id of one"),
    ],
)
def test_what_is_wrong_is_said(asking, arguments, status, told):
    ended = asking("forecast", *arguments)
    assert ended.status == status
    assert told in ended.err


def test_without_a_gateway_it_says_how_to_start_one(cs2, monkeypatch):
    monkeypatch.setenv("CS2_GATEWAY_PORT", str(free_port()))
    ended = cs2("forecast", "--team", "a", "--team", "b")
    assert ended.status == 1
    assert "cs2 up" in ended.err
