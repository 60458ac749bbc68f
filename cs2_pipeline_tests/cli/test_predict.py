"""`cs2 predict`: fields become a request, and what comes back is shown; the service here is a small stand-in."""

import json
import shlex
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from bento.http.problems import Problem, no_model
from bento.predictions.http.requests import form_of
from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.spec import serving_of
from cs2_pipeline.cli import predict
from cs2_pipeline.cli.console import UsageError
from cs2_pipeline.game.player import PLAYER_FIELDS
from cs2_pipeline.game.state import ROUND_FIELDS
from cs2_pipeline.settings import load
from cs2_pipeline_tests.third_model import ENTRY as EQUIPMENT

ROUND_FORM, PLAYER_FORM = (form_of(serving_of(spec)) for spec in (catalog.ROUND, catalog.PLAYER))

FORMS = {"/predict/round": ROUND_FORM, "/classify/player": PLAYER_FORM}


class Answers(BaseHTTPRequestHandler):
    """Checks bodies as the service does, by its own forms, and answers with the values it read."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.answer is not None:
            status, content = self.server.answer
        else:
            self.server.key = self.headers.get("X-API-Key")
            try:
                values, _ = FORMS[self.path].read_one(body)
                status, content = 200, json.dumps({"read": values}).encode()
            except Problem as problem:
                status, content = problem.status, problem.body()
        self.send_response(status)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def service(monkeypatch):
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        server.answer = None
        monkeypatch.setenv("CS2_SERVICE_PORT", str(server.server_port))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("kind", "fields"), [("round", ROUND_FIELDS), ("player", PLAYER_FIELDS)])
def test_every_field_is_an_option_with_its_meaning(cs2, wide, kind, fields):
    ended = cs2("predict", kind, "--help")
    assert ended.status == 0
    table = ended.out.partition("Example")[0].splitlines()
    for field in fields:
        (line,) = [line for line in table if f"--{field.name.replace('_', '-')} " in line[:40]]
        assert field.meaning in line


@pytest.mark.parametrize("arguments", [["--avg-kills", "24", "--adr", "91.5"], ["avg_kills=24", "adr=91.5"]])
def test_a_player_is_asked_for_by_options_or_as_in_a_request(cs2, service, arguments):
    ended = cs2("predict", "player", *arguments, "--json")
    assert ended.status == 0
    read = json.loads(ended.out)["read"]
    assert (read["avg_kills"], read["adr"], read["kd_ratio"]) == (24, 91.5, None)


def test_what_is_not_given_is_said_to_be_the_examples(cs2, service):
    ended = cs2("predict", "round", "--ct-alive", "5", "--map-name", "de_nuke", "--json")
    assert json.loads(ended.out)["read"]["map_name"] == "de_nuke"
    assert "from the example: t_alive=3 " in ended.err
    assert "ct_alive=" not in ended.err


def test_the_example_alone_needs_no_remark(cs2, service):
    ended = cs2("predict", "player")
    assert ended.status == 0
    assert ended.err == ""
    assert "curl -s http://127.0.0.1:" in ended.out


def test_the_curl_line_asks_the_same_whatever_a_text_holds(cs2, service):
    ended = cs2("predict", "round", "--map-name", "[/bold] de_o'brien")
    assert ended.status == 0
    (line,) = [line for line in ended.out.splitlines() if "curl" in line]
    assert json.loads(shlex.split(line)[-1])["map_name"] == "[/bold] de_o'brien"


ODDS = {"ct_win_probability": 0.694, "ct_win_interval": [0.651, 0.73], "model_version": "3"}
SCORES = {"Beginner": 0.01, "Intermediate": 0.17, "Advanced": 0.64, "Pro": 0.18}


def test_odds_are_a_bar_that_a_person_reads(cs2, service):
    service.answer = (200, json.dumps(ODDS).encode())
    shown = cs2("predict", "round").out.splitlines()[0]
    assert shown.strip() == "CT 69 % [65–73] ██████████████░░░░░░ T 31 %    round_predictor version 3"


def test_tiers_are_a_bar_each(cs2, service):
    tier = {"skill_level": "Advanced", "confidence": 0.64, "scores": SCORES, "model_version": "2"}
    service.answer = (200, json.dumps(tier).encode())
    shown = [line.strip() for line in cs2("predict", "player").out.splitlines()]
    assert shown[0] == "Advanced, 64 % sure    player_classifier version 2"
    assert shown[3] == "Advanced     █████████████░░░░░░░ 64 %"


def test_a_record_of_too_few_rounds_gets_the_reason_instead_of_a_tier(cs2, service):
    refused = {
        "skill_level": None,
        "confidence": None,
        "scores": None,
        "reason": "12 rounds are too few",
        "model_version": "2",
    }
    service.answer = (200, json.dumps(refused).encode())
    assert "no answer: 12 rounds are too few" in cs2("predict", "player").out


def test_a_map_that_no_model_knows_is_named_with_those_there_are(cs2, service):
    service.answer = (200, json.dumps(ODDS).encode())
    assert "the models do not know de_dustt" in cs2("predict", "round", "--map-name", "de_dustt").err
    assert "do not know" not in cs2("predict", "round", "--map-name", "de_dust2").err


def test_the_key_is_sent_where_there_is_one_and_never_shown(cs2, service, monkeypatch):
    monkeypatch.setenv("CS2_API_KEY", "a-key-of-mine")
    ended = cs2("predict", "round", "--json")
    assert ended.status == 0
    assert service.key == "a-key-of-mine"
    service.answer = (200, json.dumps(ODDS).encode())
    shown = cs2("predict", "round")
    assert "a-key-of-mine" not in shown.out + shown.err
    assert "-H 'X-API-Key: …'" in shown.out


@pytest.mark.parametrize(
    ("kind", "argument", "suggested"),
    [("round", "ct_alve", "ct_alive"), ("round", "bombPlanted", "bomb_planted"), ("player", "kd_ration", "kd_ratio")],
)
def test_an_unknown_field_is_answered_with_the_likely_one(cs2, kind, argument, suggested):
    ended = cs2("predict", kind, f"{argument}=1")
    assert ended.status == 2
    assert f"{argument}: unknown field; did you mean {suggested}?" in ended.err


@pytest.mark.parametrize(
    ("arguments", "suggested"),
    [
        (("predict", "player", "--avg-kils", "1"), "--avg-kills"),
        (("predict", "plyer"), "player"),
        (("trian",), "train"),
    ],
)
def test_an_unknown_option_or_command_is_answered_with_the_likely_one(cs2, arguments, suggested):
    ended = cs2(*arguments)
    assert ended.status == 2
    assert suggested in ended.err


def test_all_that_is_wrong_is_named_at_once(cs2):
    ended = cs2("predict", "player", "--avg-kills", "many", "kils=3", "avg_deaths", "total_rounds=1", "total_rounds=2")
    assert ended.status == 2
    for named in ("avg_kills: must be a number, not 'many'", "kils: unknown", "'avg_deaths': give", "given twice"):
        assert named in ended.err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("round", "--ct-alive", "9"), "ct_alive: must be from 0 to 5, not 9"),
        (("round", "--ct-alive", "nan"), "ct_alive: must be a finite number"),
        (("player", "--avg-headshots", "30"), "avg_headshots: more headshot kills than kills"),
        (("player", "--total-rounds", "2.5"), "total_rounds: must be a whole number, not 2.5"),
    ],
)
def test_values_are_refused_in_the_words_of_the_service(cs2, service, arguments, named):
    ended = cs2("predict", *arguments)
    assert ended.status == 2
    assert named in ended.err
    assert ended.out == ""


def test_a_service_without_a_model_says_how_to_get_one(cs2, service):
    service.answer = (503, no_model("player_classifier").body())
    ended = cs2("predict", "player")
    assert ended.status == 1
    assert "no champion of player_classifier" in ended.err
    assert "cs2 train" in ended.err


def test_inputs_that_never_varied_in_training_are_named(cs2, service):
    service.answer = (200, json.dumps(ODDS | {"ignored_inputs": ["map_name", "ct_money"]}).encode())
    shown = cs2("predict", "round").out.splitlines()
    assert shown[1] == "  ignored, because it never varied in training: map_name, ct_money"
    service.answer = (200, json.dumps(ODDS | {"ignored_inputs": []}).encode())
    assert "ignored" not in cs2("predict", "round").out


def test_a_model_that_is_not_served_cannot_be_asked():
    with pytest.raises(UsageError, match="the prediction service does not serve match_forecaster"):
        predict.predict(load(), catalog.MATCH, {}, (), as_json=False)


@pytest.mark.parametrize("status", [200, 404])
def test_another_program_on_the_port_is_taken_for_what_it_is(cs2, service, status):
    service.answer = (status, b"<html>hello</html>")
    ended = cs2("predict", "round")
    assert ended.status == 1
    assert "is not the prediction service" in ended.err
    assert "CS2_SERVICE_PORT" in ended.err


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        ({"ct_probability": 0.25, "model_version": "2"}, ["ct_probability: 0.25", "equipment version 2"]),
        (
            {"ct_probability": None, "reason": "too few", "model_version": "2"},
            ["no answer: too few    equipment version 2"],
        ),
    ],
)
def test_a_model_that_nobody_drew_a_picture_for_is_shown_field_by_field(service, capsys, found, lines):
    service.answer = (200, json.dumps(found).encode())
    predict.predict(load(), EQUIPMENT, {}, (), as_json=False)
    shown = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert shown[:-1] == lines
    assert shown[-1].startswith("curl ")
