"""The Python client against a real server, and what it does while the server cannot answer."""

import socketserver
import sys
import threading
from pathlib import Path

import pytest

from cs2_pipeline_tests.bento.serving import PLAYER, ROUND

sys.path.insert(0, str(Path(__file__).parents[3] / "clients" / "python"))
from cs2_predictions import PredictionError, Predictions


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
