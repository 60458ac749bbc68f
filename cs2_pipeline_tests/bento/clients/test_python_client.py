"""The Python client against a real server, and what it does while the server cannot answer."""

import socket
import socketserver
import sys
import threading
import tomllib
from pathlib import Path

import pytest

from cs2_pipeline.game.player import PLAYER_FIELDS
from cs2_pipeline.game.state import ROUND_FIELDS
from cs2_pipeline_tests.bento.serving import PLAYER, ROUND

CLIENT = Path(__file__).parents[3] / "clients" / "python"
sys.path.insert(0, str(CLIENT))
import cs2_predictions  # noqa: E402
from cs2_predictions import PredictionError, Predictions, PredictionsError, ServiceUnreachableError  # noqa: E402


def test_every_method_gets_the_services_answer(server):
    client = Predictions(server.url)
    assert client.predict_round(ROUND) == server.post("/predict/round", ROUND).json
    assert len(client.predict_rounds([ROUND, ROUND])["predictions"]) == 2
    assert client.classify_player(PLAYER)["skill_level"] == "Advanced"
    assert len(client.classify_players([PLAYER])["predictions"]) == 1


def test_wrong_fields_are_named_in_the_error(server):
    with pytest.raises(PredictionError, match="ct_alive: must be from 0 to 5, not 9") as caught:
        Predictions(server.url).predict_round(ROUND | {"ct_alive": 9})
    assert caught.value.status == 422


class Busy(socketserver.StreamRequestHandler):
    """Turns the first requests away, as an overloaded service does, then answers."""

    left = 2

    def handle(self):
        length = 0
        while (line := self.rfile.readline().lower()) not in (b"\r\n", b""):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        self.rfile.read(length)
        Busy.left -= 1
        if Busy.left >= 0:
            self.wfile.write(b"HTTP/1.1 429 Busy\r\nRetry-After: 0\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        else:
            self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\n{"ok":1}')


def test_a_busy_service_is_asked_again():
    with socketserver.TCPServer(("127.0.0.1", 0), Busy) as busy:
        threading.Thread(target=busy.serve_forever, daemon=True).start()
        client = Predictions(f"http://127.0.0.1:{busy.server_address[1]}")
        assert client.predict_round(ROUND) == {"ok": 1}
        Busy.left = 9
        with pytest.raises(PredictionError, match="429"):
            Predictions(f"http://127.0.0.1:{busy.server_address[1]}", retries=1).predict_round(ROUND)
        busy.shutdown()


def test_a_service_that_is_not_there_or_is_another_program_is_an_error_of_the_clients_own():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ServiceUnreachableError, match="does not answer"):
        Predictions(f"http://127.0.0.1:{port}", retries=0).predict_round(ROUND)
    assert issubclass(ServiceUnreachableError, PredictionsError)
    assert issubclass(PredictionError, PredictionsError)


def test_answers_are_of_the_types_that_are_promised(server):
    client = Predictions(server.url)
    odds = client.predict_round(ROUND)
    assert odds.keys() == cs2_predictions.RoundOdds.__annotations__.keys() - {"ignored_inputs"}
    tier = client.classify_player(PLAYER)
    assert tier.keys() <= cs2_predictions.PlayerTier.__annotations__.keys()


@pytest.mark.parametrize(
    ("typed", "fields"),
    [(cs2_predictions.RoundState, ROUND_FIELDS), (cs2_predictions.PlayerRecord, PLAYER_FIELDS)],
)
def test_a_request_is_typed_with_every_field_of_the_service_and_the_required_ones(typed, fields):
    assert list(typed.__annotations__) == [field.name for field in fields]
    assert typed.__required_keys__ == {field.name for field in fields if field.required}


def test_the_package_holds_the_one_typed_module():
    project = tomllib.loads((CLIENT / "pyproject.toml").read_text())
    files = project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    assert files == ["cs2_predictions.py", "py.typed"]
    assert all((CLIENT / file).exists() for file in files)
