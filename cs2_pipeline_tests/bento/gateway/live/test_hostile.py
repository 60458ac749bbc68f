"""Clients that only cost: who sends heads and bodies that never end."""

import socket
from contextlib import suppress

import httpx

from cs2_pipeline_tests.bento.gateway.process import SERVICE, gateway


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=600)


def test_clients_that_only_cost_are_let_go_of_and_others_are_served(tmp_path) -> None:
    with gateway(tmp_path, SERVICE, CS2_BODY_TIMEOUT="1") as port:
        loris = [connected(port) for _ in range(20)]
        for number, client in enumerate(loris):
            client.sendall((b"GET / HTTP/1.1\r\nhost: x\r\n", b"")[number % 2])
        slow = connected(port)
        slow.sendall(b"POST /api/v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 9\r\n\r\n{")
        assert slow.recv(1000).startswith(b"HTTP/1.1 408")
        assert httpx.get(f"http://127.0.0.1:{port}/livez", timeout=600, trust_env=False).status_code == 200
        for client in loris:
            with suppress(ConnectionError):
                while client.recv(4096):  # closed by the gateway, some with an answer
                    pass
            client.close()
        slow.close()
