"""`cs2 forecast` against a running gateway: teams by name, the answer in words, and what is wrong with a question."""

import json
from urllib.parse import urlencode

import pytest

from cs2_pipeline.cli import forecast as command
from cs2_pipeline.cli.console import CliError, UsageError
from cs2_pipeline.records.database import open_records
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.bento.gateway.process import gateway
from cs2_pipeline_tests.bento.serving import free_port
from cs2_pipeline_tests.cli.desk import open_desk
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


class Gateway:
    """Answers by path in place of a gateway."""

    def __init__(self, **teams):
        self.items = [{"id": identifier, "name": name} for identifier, name in teams.items()]
        self.asked = []

    def __call__(self, _settings, path, body=None):
        self.asked.append((path, body))
        return {"items": self.items}


def test_a_team_is_the_one_that_is_called_so_or_the_only_one_found(monkeypatch):
    def found(name, **teams):
        monkeypatch.setattr(command, "ask", asked := Gateway(**teams))
        try:
            return command.team(Settings(), name)
        finally:
            assert asked.asked == [(f"/api/v1/teams?{urlencode({'q': name, 'limit': 100})}", None)]

    assert found("Lotus", t2="LOTUS", t9="Lotus Two") == "t2"
    assert found("T9", t2="LOTUS", t9="Lotus Two") == "t9"
    assert found("lot us", t2="Lot us all") == "t2"
    assert found("nobody") == "nobody"
    with pytest.raises(CliError) as many:
        found("team", **{f"t{number}": f"Team {number}" for number in range(1, 8)})
    assert str(many.value) == (
        "'team' could be Team 1 (t1), Team 2 (t2), Team 3 (t3), Team 4 (t4), Team 5 (t5); give the id of one"
    )


MADE = {
    "id": "f1", "kind": "series", "interval": [0.601, 0.702], "team1": {"name": "One"}, "team2": {"name": "Two"},
    "team1_win_probability": 0.65, "team2_win_probability": 0.35, "notes": ["a note"], "model_version": "4",
    "maps": [
        {"map_id": "de_nuke", "known": True, "team1_win_probability": 0.7, "team2_win_probability": 0.3},
        {"map_id": None, "known": False, "team1_win_probability": 0.6, "team2_win_probability": 0.4},
    ],
    "final_scores": [{"team1": 2, "team2": 0, "probability": 0.4}, {"team1": 2, "team2": 1, "probability": 0.25}],
    "ledger": {"seq": 12},
}  # fmt: skip


def test_a_forecast_is_told_with_its_interval_its_maps_and_its_place_in_the_ledger(capsys):
    command.show(MADE)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "One 65.0%  [60.1%, 70.2%]"
    assert lines[1] == "Two 35.0%"
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if line.startswith("│")]
    assert rows == [["de_nuke", "yes", "70.0%", "30.0%"], ["any", "may be drawn", "60.0%", "40.0%"]]
    assert lines[-3:] == [
        "final score  2:0 40.0%   2:1 25.0%", "  a note", "  entry 12 of the ledger, forecast f1, model version 4",
    ]  # fmt: skip
    command.show(MADE | {"kind": "map"})
    assert "final score" not in capsys.readouterr().out


def test_a_score_is_sent_as_the_maps_each_team_has_won():
    assert command._score("1:0") == {"team1": 1, "team2": 0}


@pytest.mark.parametrize("score", ["1", "1:", ":1", "a:1", "1:b", "-1:0", ""])
def test_a_score_that_is_none_is_refused(score):
    with pytest.raises(UsageError, match="such as 1:0"):
        command._score(score)


def test_the_key_is_sent_to_the_gateway_where_there_is_one(cs2, monkeypatch):
    with open_desk() as desk:
        desk.put("GET /api/v1/teams", (403, None))
        monkeypatch.setenv("CS2_GATEWAY_PORT", str(desk.server_port))
        for key in ("a-key", None):
            monkeypatch.setenv("CS2_API_KEY", key) if key else monkeypatch.delenv("CS2_API_KEY")
            ended = cs2("forecast", "--team", "a", "--team", "b")
            assert (ended.status, "the gateway answers 403" in ended.err) == (1, True)
    assert [one.headers["x-api-key"] for one in desk.asked] == ["a-key", None]


TEAMS = {"items": [{"id": "t1", "name": "One"}, {"id": "t2", "name": "[b]Two :fire:"}]}


@pytest.fixture
def desk(monkeypatch):
    """A stand-in that knows two teams and answers each forecast with the same."""
    with open_desk() as made:
        monkeypatch.setenv("CS2_GATEWAY_PORT", str(made.server_port))
        made.put("GET /api/v1/teams", (200, TEAMS))
        made.put(f"POST {command.SERIES}", (200, MADE))
        yield made


def test_what_is_asked_is_sent_as_the_gateway_reads_it(cs2, desk):
    ended = cs2("forecast", "--team", "ONE", "--team", "t2", "--json")
    assert (ended.status, json.loads(ended.out)) == (0, MADE)
    cs2("forecast", "--team", "t2", "--team", "t1", "--best-of", "5", "--map", "de_nuke", "--map", "de_inferno",
        "--score", "2:1")  # fmt: skip
    first, second = desk.of(f"POST {command.SERIES}")
    assert json.loads(first.body) == {"team1_id": "t1", "team2_id": "t2", "best_of": 3, "map_ids": []}
    assert json.loads(second.body) == {
        "team1_id": "t2", "team2_id": "t1", "best_of": 5, "map_ids": ["de_nuke", "de_inferno"],
        "score": {"team1": 2, "team2": 1},
    }  # fmt: skip
    assert {one.headers["content-type"] for one in desk.asked} == {"application/json"}
    assert [one.query for one in desk.of("GET /api/v1/teams")[:2]] == [
        {"q": "ONE", "limit": "100"}, {"q": "t2", "limit": "100"},
    ]  # fmt: skip


@pytest.mark.parametrize("teams", [(), ("t1",), ("t1", "t2", "t1")])
def test_a_series_is_between_two_teams(desk, teams):
    with pytest.raises(UsageError, match=f"give two teams, each with --team; got {len(teams)}"):
        command.run(Settings(), teams, best_of=3, maps=(), score=None, as_json=False)
    assert desk.asked == []


def test_a_teams_name_is_shown_as_it_is_however_it_looks(capsys):
    command.show(MADE | {"team1": {"name": "[b]clan :fire:"}, "team2": {"name": "[/b]"}})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("[b]clan :fire: 65.0%") and lines[1] == "[/b] 35.0%"
    assert [cell.strip() for cell in lines[3].strip("┃").split("┃")] == ["map", "known", "[b]clan :fire:", "[/b]"]
