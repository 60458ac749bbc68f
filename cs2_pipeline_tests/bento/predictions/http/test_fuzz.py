"""Malformed requests by the thousand: none of them is the service's fault, none leaves anything behind.

``CS2_FUZZ_REQUESTS`` sets how many; the suite sends a small part of what a release is tried with.
"""

import http.client
import json
import os
import random
import socket
from contextlib import suppress
from pathlib import Path

from cs2_pipeline_tests.bento.serving import PATIENCE, PLAYER, ROUND

REQUESTS = int(os.environ.get("CS2_FUZZ_REQUESTS", "3000"))
PATHS = ["/predict/round", "/predict/rounds", "/classify/player", "/classify/players", "/models", "/x", "/admin/reload"]
WRONG_VALUES = [
    None, True, "4", "", [], {}, -1, 1e308, -1e308, 10**30, 0.1, float("nan"), float("inf"), "\ud800", "\0", [[]],
]  # fmt: skip
TYPES = ["application/json", "text/plain", "", "application/json; charset=utf-16", "multipart/form-data", "\xff/\xfe"]


def wrong_document(chance):
    """A request that is wrong somewhere, or right by accident."""
    document = dict(chance.choice([ROUND, PLAYER]))
    for _ in range(chance.randint(1, 4)):
        name = chance.choice([*document, "frogs", "ctAlive", "match_id", "\ud800"])
        if chance.random() < 0.3:
            document.pop(name, None)
        else:
            document[name] = chance.choice(WRONG_VALUES)
    if chance.random() < 0.3:
        return {chance.choice(["states", "players", "x"]): chance.choice([[document] * chance.randint(0, 9), document])}
    return document


def wrong_body(chance):
    text = json.dumps(wrong_document(chance)).encode()
    kind = chance.randrange(6)
    if kind == 0:
        return text[: chance.randrange(len(text))]
    if kind == 1:
        place = chance.randrange(len(text))
        return text[:place] + chance.randbytes(chance.randint(1, 9)) + text[place:]
    if kind == 2:
        return chance.randbytes(chance.randrange(300))
    if kind == 3:
        return chance.choice([b"[", b'{"a":', b'{"states":[', b'"']) * chance.choice([1, 10, 10_000])
    return text


def send_garbage(port, chance):
    """Something that is not HTTP, or half of it."""
    pieces = [
        b"POST /predict/round HTTP/1.1\r\n",
        b"Content-Length: 99\r\n",
        b"\r\n",
        b"{}",
        chance.randbytes(40),
        b"\0",
    ]
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection, suppress(OSError):
        connection.sendall(b"".join(chance.choices(pieces, k=chance.randint(1, 6))))
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(65536)
    return b""


def resources(pid):
    """Open handles and resident MiB of a process."""
    status = Path(f"/proc/{pid}/statm").read_text().split()
    return len(list(Path(f"/proc/{pid}/fd").iterdir())), int(status[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def asked(connection, *request):
    """The answer; where a pause closed the idle connection, on a new one. A worker that died is noticed at the end."""
    while True:
        try:
            connection.request(*request)
            return connection.getresponse()
        except ConnectionError:
            connection.close()


def attack(server, count, chance):
    statuses = set()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    for number in range(count):
        if number % 50 == 0:
            answer = send_garbage(server.port, chance)
            assert not answer.startswith(b"HTTP/1.1 5"), answer
        method = chance.choice(["POST"] * 9 + ["GET"])
        headers = {"Content-Type": chance.choice(TYPES[:1] * 9 + TYPES)}
        response = asked(connection, method, chance.choice(PATHS), wrong_body(chance), headers)
        content = response.read()
        statuses.add(response.status)
        assert response.status < 500, content
        if response.status >= 400:
            assert response.headers["content-type"] == "application/problem+json"
            assert json.loads(content)["status"] == response.status
    connection.close()
    return statuses


def test_malformed_requests_are_never_the_services_fault_and_leave_nothing_behind(server):
    chance = random.Random(0)
    (worker,) = server.workers()
    attack(server, min(1000, REQUESTS), chance)  # what is allocated once
    handles, memory = resources(worker)
    statuses = attack(server, REQUESTS, chance)
    assert {200, 400, 404, 405, 415, 422} <= statuses
    server.await_that(lambda _: resources(worker)[0] <= handles + 2)
    grown = resources(worker)[1] - memory
    assert grown < 10, f"{grown:.1f} MiB more after {REQUESTS} requests"
    assert server.post("/predict/round", ROUND).json["ct_win_probability"] == 0.689974
    assert server.workers() == [worker]
    assert b"Traceback" not in server.log.read_bytes()
