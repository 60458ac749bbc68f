"""Another program on a port of the platform, one that does not speak HTTP: said in words, never a stack trace."""

import socket
import threading

import pytest

from cs2_pipeline.cli import processes


@pytest.fixture
def port():
    """Of a server that answers each request with a line of another protocol."""

    def serve():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                asked = b""
                while b"\r\n\r\n" not in asked and (part := connection.recv(4096)):
                    asked += part
                connection.sendall(b"-ERR unknown command\r\n")
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_it_does_not_count_as_an_answer(port):
    assert not processes.answers(f"http://127.0.0.1:{port}/livez")


def test_it_is_not_taken_for_the_service(cs2, port, monkeypatch):
    monkeypatch.setenv("CS2_SERVICE_PORT", str(port))
    ended = cs2("predict", "round")
    assert ended.status == 1
    assert "it is not the prediction service" in ended.err


def test_it_is_not_taken_for_the_gateway(cs2, port, monkeypatch):
    monkeypatch.setenv("CS2_GATEWAY_PORT", str(port))
    ended = cs2("forecast", "--team", "t1", "--team", "t2")
    assert ended.status == 1
    assert "it is not the gateway" in ended.err and "CS2_GATEWAY_PORT" in ended.err
