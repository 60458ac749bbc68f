"""The HTTP face, asked on a real server."""

import asyncio
import gzip
import hashlib
import json
import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from types import SimpleNamespace

import pyarrow.dataset as ds
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bento.http.problems import Problem
from bento.predictions.champions import champions
from bento.predictions.champions.status import Status
from bento.predictions.http import app as app_module
from bento.predictions.http import metrics, openapi
from bento.predictions.http.app import SMALL_BODY, PredictionApp
from bento.predictions.http.requests import camel
from cs2_pipeline.artifact.cache import ModelVersion
from cs2_pipeline.artifact.predictors import predictor
from cs2_pipeline.artifact.round_odds import RoundPredictor
from cs2_pipeline.records import buckets
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.bento.serving import ONE_PROCESS, PATIENCE, PLAYER, ROUND, serving
from cs2_pipeline_tests.tiny_models import round_artifact

POST = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def in_camel(document):
    return {camel(name): value for name, value in document.items()}


def raw(server, data):
    """Send bytes as they are; what comes back until the other side closes or nothing more comes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(data)
        received = b""
        try:
            while part := connection.recv(65536):
                received += part
                connection.settimeout(0.2)
        except TimeoutError:
            pass
        return received


def test_a_round_is_predicted_as_agreed(server):
    answer = server.post("/predict/round", ROUND)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json == {
        "ct_win_probability": 0.689974,
        "t_win_probability": 0.310026,
        "predicted_winner": "CT",
        "confidence": 0.689974,
        "ct_win_interval": [0.645656, 0.731059],
        "model_version": "1",
    }


def test_a_map_that_no_model_knows_is_warned_of_and_answered_like_none(server):
    known, unknown = (server.post("/predict/round", ROUND | {"map_name": name}) for name in ("de_nuke", "de_\r\nX: 1"))
    assert "warning" not in known.headers
    assert unknown.json == server.post("/predict/round", ROUND).json
    assert unknown.headers["warning"].startswith('299 - "map_name is unknown and was left out; known: de_ancient, ')
    assert "x" not in unknown.headers
    states = [ROUND, ROUND | {"map_name": "de_dustt"}, ROUND | {"map_name": "de_dust2"}] * 300  # more than one chunk
    batch = server.post("/predict/rounds", {"states": states})
    assert "map_name is unknown in 300 of 900 items" in batch.headers["warning"]


def test_the_answer_comes_in_the_spelling_of_the_request(server):
    answer = server.post("/predict/round", in_camel(ROUND))
    assert answer.json == in_camel(server.post("/predict/round", ROUND).json)
    assert "ctWinProbability" in answer.json
    answer = server.post("/classify/player", in_camel(PLAYER))
    assert answer.json == in_camel(server.post("/classify/player", PLAYER).json)
    assert set(answer.json) == {"skillLevel", "confidence", "scores", "modelVersion"}


def test_confidence_is_the_likelier_sides_probability(server):
    answer = server.post("/predict/round", ROUND | {"ct_alive": 1, "t_alive": 5}).json
    assert answer["predicted_winner"] == "T"
    assert answer["confidence"] == answer["t_win_probability"] > 0.5


def test_a_decided_round_is_answered_with_certainty(server):
    answer = server.post("/predict/round", ROUND | {"t_alive": 0}).json
    assert (answer["ct_win_probability"], answer["ct_win_interval"]) == (1, [1, 1])
    assert (answer["predicted_winner"], answer["confidence"]) == ("CT", 1)


def test_a_player_is_classified_as_agreed(server):
    answer = server.post("/classify/player", PLAYER).json
    assert answer["skill_level"] == max(answer["scores"], key=answer["scores"].get)
    assert answer["confidence"] == answer["scores"][answer["skill_level"]]
    assert list(answer["scores"]) == ["Beginner", "Intermediate", "Advanced", "Pro"]
    assert sum(answer["scores"].values()) == pytest.approx(1, abs=1e-5)


def test_a_newcomer_gets_no_tier_but_a_reason(server):
    record = PLAYER | {"total_rounds": 40, "total_clutch_attempts": 20}
    answer = server.post("/classify/player", record).json
    assert (answer["skill_level"], answer["confidence"], answer["scores"]) == (None, None, None)
    assert answer["reason"].startswith("not enough rounds yet: 40")
    many = server.post("/classify/players", {"players": [PLAYER, record]}).json
    assert [one["skill_level"] for one in many["predictions"]] == ["Advanced", None]


@pytest.mark.parametrize("count", [1, 499, 500, 501, 10_000])
def test_a_batch_keeps_its_order(server, count):
    states = [ROUND | {"ct_alive": number % 6} for number in range(count)]
    answer = server.post("/predict/rounds", {"states": states}).json
    assert answer["model_version"] == "1"
    singles = [server.post("/predict/round", ROUND | {"ct_alive": alive}).json for alive in range(6)]
    for single in singles:
        del single["model_version"]
    assert answer["predictions"] == [singles[number % 6] for number in range(count)]


def test_a_batch_is_answered_in_its_spelling(server):
    answer = server.post("/predict/rounds", {"states": [in_camel(ROUND)]}).json
    assert answer["modelVersion"] == "1"
    assert "ctWinInterval" in answer["predictions"][0]


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "kind"),
    [
        ("/predict/round", b"{", {}, 400, "not-json"),
        ("/predict/round", ROUND | {"ct_alive": 6}, {}, 422, "bad-values"),
        ("/predict/rounds", {"states": [ROUND | {"ct_alive": 6}]}, {}, 422, "bad-values"),
        ("/classify/player", PLAYER | {"avg_headshots": 20}, {}, 422, "bad-values"),
        ("/predict/round", ROUND, {"Content-Type": "text/plain"}, 415, "wrong-media-type"),
        ("/predict/round", ROUND, {"Content-Type": "application/json; charset=latin-1"}, 415, "wrong-media-type"),
        ("/predict/round", b" " * 70_000, {}, 413, "too-large"),
        ("/predict/rounds", b" " * 9_000_000, {}, 413, "too-large"),
        ("/predict/sounds", ROUND, {}, 404, "not-found"),
        ("/health", ROUND, {}, 405, "wrong-method"),
        ("/schema.json", {}, {}, 405, "wrong-method"),
        ("/static_content/../../etc/passwd", {}, {}, 404, "not-found"),
        ("/admin/reload", {}, {}, 401, "unauthorized"),
        ("/admin/reload", {}, {"Authorization": "Bearer x"}, 401, "unauthorized"),
    ],
)
def test_errors_are_problem_documents(server, path, body, headers, status, kind):  # noqa: PLR0917
    answer = server.post(path, body, **headers)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    problem = answer.json
    assert (problem["status"], problem["type"]) == (status, f"urn:cs2-pipeline:problem:{kind}")
    assert problem["title"]
    assert problem["detail"]
    assert ("errors" in problem) == (status == 422)


def test_a_body_declared_as_json_in_another_way_is_read(server):
    for declared in ("application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'):
        assert server.post("/predict/round", ROUND, **{"Content-Type": declared}).status == 200


def test_a_get_on_a_prediction_is_told_the_right_method(server):
    answer = server.get("/predict/round")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


def test_the_state_of_the_service_is_told(server):
    server.await_that(lambda s: s.get("/health").json["status"] == "healthy")
    assert server.get("/health").json == {
        "status": "healthy",
        "models_loaded": {"round_predictor": True, "player_classifier": True},
        "version": "1.0.0",
    }
    assert server.get("/livez").status == 200
    assert server.get("/readyz").status == 200
    first, second = server.get("/models").json["models"]
    assert (first["name"], first["version"], first["source_watermark"]) == ("round_predictor", "1", "demo 7")
    assert (second["dataset_digest"], second["metrics"]) == ("d" * 32, {"test_log_loss": 0.5})
    assert first["promoted_at"] >= first["trained_at"] == "2026-01-01T00:00:00+00:00"
    assert len(first["run_id"]) == 32


def samples(server):
    families = text_string_to_metric_families(server.get("/metrics").body.decode())
    return {(s.name, *sorted(s.labels.items())): s.value for family in families for s in family.samples}


def test_predictions_and_errors_are_counted(server):
    before = samples(server)
    server.post("/predict/rounds", {"states": [ROUND] * 7})
    server.post("/predict/round", ROUND)
    server.post("/predict/round", b"[")
    after = samples(server)

    def growth(*key):
        return after[key] - before.get(key, 0)

    assert growth("predictions_total", ("model_type", "round_predictor")) == 8
    assert growth("prediction_errors_total", ("reason", "not_json")) == 1
    assert growth("prediction_latency_seconds_count") == 2
    run_id = server.get("/models").json["models"][0]["run_id"]
    assert after["model_info", ("name", "round_predictor"), ("run_id", run_id), ("version", "1")] == 1
    assert after["model_age_seconds", ("name", "round_predictor")] > 0
    assert after["model_reloads_total", ("name", "round_predictor"), ("result", "loaded")] >= 1


def test_a_hundred_megabytes_are_refused_before_they_are_read(server):
    head = POST % b"/predict/rounds" + b"Content-Length: 100000000\r\n\r\n"
    assert raw(server, head + b" " * 1000).startswith(b"HTTP/1.1 413")


def test_a_body_without_a_length_is_cut_off_at_the_limit(server):
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    head = POST % b"/predict/rounds" + b"Transfer-Encoding: chunked\r\n\r\n"
    assert raw(server, head + chunk * 140 + b"0\r\n\r\n").startswith(b"HTTP/1.1 413")


def test_a_client_that_leaves_in_the_middle_of_a_body_costs_nothing(server):
    head = POST % b"/predict/round" + b"Content-Length: 500\r\n\r\n"
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head + b'{"ct_alive":')
    assert server.post("/predict/round", ROUND).status == 200
    assert b"Traceback" not in server.log.read_bytes()


def test_a_client_that_asks_before_it_sends_is_told_that_it_is_too_much(server):
    head = POST % b"/predict/rounds" + b"Expect: 100-continue\r\nContent-Length: 100000000\r\n\r\n"
    assert raw(server, head).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("lines", [b"X: " + b"a" * 10_000_000, b"X: y\r\n" * 2_000_000])
def test_a_head_without_end_is_cut_off(server, lines):
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        with pytest.raises(ConnectionError):  # more than fits between the two ends: the other one must have closed
            connection.sendall(POST % b"/predict/round" + lines)
        with suppress(ConnectionResetError):
            assert connection.recv(100).startswith(b"HTTP/1.1 431")


def open_handles(server):
    (worker,) = server.workers()
    return len(list(Path(f"/proc/{worker}/fd").iterdir()))


def test_a_connection_that_asks_nothing_or_reads_nothing_is_closed(server):
    batch = json.dumps({"states": [ROUND] * 10_000}).encode()
    unread = POST % b"/predict/rounds" + b"Content-Length: %d\r\n\r\n" % len(batch) + batch
    before = open_handles(server)
    with ExitStack() as stack:
        idle, hasty, half, slow, deaf = [stack.enter_context(socket.socket()) for _ in range(5)]
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        first = {idle: b"", hasty: b"POST /predict", half: POST % b"/predict/round", deaf: unread,
                 slow: b"POST /predict/round HTTP/1.1\r\nX: "}  # fmt: skip
        for connection, sent in first.items():
            connection.settimeout(PATIENCE)
            connection.connect(("127.0.0.1", server.port))
            with suppress(ConnectionError):  # after a pause here it is closed already
                connection.sendall(sent)
        with suppress(OSError):
            while True:  # a byte now and then buys no time
                slow.sendall(b"x")
                slow.settimeout(0.5)
                with suppress(TimeoutError):
                    assert slow.recv(100) == b""
                    break
        for connection in (idle, hasty, half):
            with suppress(ConnectionResetError):
                assert connection.recv(100) == b""
        server.await_that(lambda s: open_handles(s) <= before)


def test_nested_brackets_are_not_json_enough(server):
    assert server.post("/predict/round", b"[" * 10_000).status == 400
    assert server.post("/predict/rounds", b'{"states":' + b"[" * 100_000).status == 400


def test_a_body_that_would_stop_the_worker_is_not_begun(server):
    # a million small lists took seconds and half a gigabyte to find wrong
    for filling in (b"[]," * 1_000_000, b"0," * 2_000_000):
        answer = server.post("/predict/rounds", b'{"states":[' + filling + b"0]}")
        assert answer.status == 400
        assert "than a batch can" in answer.json["detail"]


def test_a_compressed_body_is_refused_as_such(server):
    body = gzip.compress(json.dumps(ROUND).encode())
    answer = server.post("/predict/round", body, **{"Content-Encoding": "gzip"})
    assert (answer.status, answer.json["type"]) == (415, "urn:cs2-pipeline:problem:wrong-encoding")


def test_a_websocket_is_turned_away(server):
    head = (
        b"GET /predict/round HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    assert raw(server, head)[:12] in (b"HTTP/1.1 403", b"HTTP/1.1 405")


def test_half_a_body_is_waited_for_only_so_long(served_home):
    with serving(served_home.path, module=ONE_PROCESS, body_timeout=0.3) as hurried:
        assert hurried.post("/admin/reload", {}).status == 403  # it has no token
        head = POST % b"/predict/round" + b"Content-Length: 500\r\n\r\n"
        assert raw(hurried, head + b'{"ct_').startswith(b"HTTP/1.1 408")


def test_more_requests_at_once_than_are_held_get_429(served_home):
    # no held body may time out before the probe is turned away, however slow the machine
    limits = {"max_in_flight": 4, "body_timeout": 3600.0}
    with serving(served_home.path, module=ONE_PROCESS, **limits) as small, ExitStack() as stack:
        body = json.dumps(ROUND).encode()
        head = POST % b"/predict/round" + b"Content-Length: %d\r\n\r\n" % len(body)
        waiting = [stack.enter_context(socket.create_connection(("127.0.0.1", small.port))) for _ in range(4)]
        for connection in waiting:
            connection.sendall(head + body[:10])
        small.get("/livez")  # once it is answered all four are waiting; a probe among them would take one's place
        small.await_that(lambda s: s.post("/predict/round", ROUND).status == 429)
        answer = small.post("/predict/round", ROUND)
        assert (answer.headers["retry-after"], answer.json["type"]) == ("1", "urn:cs2-pipeline:problem:overloaded")
        assert small.get("/health").status == 200
        for connection in waiting:
            connection.sendall(body[10:])
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        assert small.post("/predict/round", ROUND).status == 200
        while None in (statuses := burst(small, head + body)):  # a pause here let idle connections be closed
            pass
        assert set(statuses) == {200, 429}
        assert statuses.count(200) >= 4


def burst(small, request):
    """The statuses of a hundred requests that are there at once; None where the connection was closed before."""
    (worker,) = small.workers()
    with ExitStack() as stack:
        waiting = [stack.enter_context(socket.create_connection(("127.0.0.1", small.port))) for _ in range(100)]
        small.get("/livez", Connection="close")  # accepted after all of them
        os.kill(worker, signal.SIGSTOP)
        for connection in waiting:
            with suppress(ConnectionError):
                connection.sendall(request)
        os.kill(worker, signal.SIGCONT)
        return [status_of(connection) for connection in waiting]


def status_of(connection):
    try:
        answer = connection.recv(65536)
    except ConnectionError:
        return None
    return int(answer.split()[1]) if answer else None


def test_a_large_batch_does_not_hold_up_a_single_round(server):
    body = json.dumps({"states": [ROUND] * 10_000}).encode()
    with ThreadPoolExecutor(1) as background:
        answered, tries = 0, 0
        while answered < 4:  # while one batch is computed; where this process had a pause the next one tells
            batch, answered, tries = background.submit(server.post, "/predict/rounds", body), 0, tries + 1
            while not batch.done():
                assert server.post("/predict/round", ROUND).status == 200
                answered += 1
            assert batch.result().status == 200
            assert tries < 100, "no single round was answered before the batch"


def asked(app, path, headers, body=b""):
    """Post to an application in this process; its answer's status and document."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(app({"type": "http", "method": "POST", "path": path, "headers": headers}, receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"])


def test_a_defect_is_answered_with_an_id_that_is_in_the_log_and_nothing_else(tmp_path, caplog):
    app = PredictionApp(Settings(home=tmp_path), None)
    app._champions.predictors["round_predictor"] = RoundPredictor.__new__(RoundPredictor)  # has no model inside
    headers = [(b"content-type", b"application/json")]
    status, problem = asked(app, "/predict/round", headers, json.dumps(ROUND).encode())
    assert (status, problem["status"]) == (500, 500)
    identifier = problem["detail"].rsplit(" ", 1)[1]
    assert identifier in caplog.text
    assert "AttributeError" in caplog.text
    assert "Attribute" not in json.dumps(problem)


def test_an_answer_names_the_values_given_that_the_model_learned_nothing_of(tmp_path):
    app = PredictionApp(Settings(home=tmp_path), None)
    version = ModelVersion("round_predictor", "7", "run", "", "", "", "", "", {}, {})
    artifact = round_artifact(tmp_path / "model", ignored=["map_name", "ct_helmets", "t_helmets"])
    app._champions.predictors["round_predictor"] = predictor(version, artifact)

    def answer(path, document):
        status, found = asked(app, path, [(b"content-type", b"application/json")], json.dumps(document).encode())
        assert status == 200
        return found

    plain = answer("/predict/round", ROUND | {"ct_armor": 300})
    assert "ignored_inputs" not in plain
    helmets = ROUND | {"ct_armor": 300, "ct_helmets": 4}
    assert answer("/predict/round", helmets) == plain | {"ignored_inputs": ["ct_helmets"]}
    named = answer("/predict/round", in_camel(helmets | {"map_name": "de_nuke"}))
    assert named["ignoredInputs"] == ["mapName", "ctHelmets"]
    many = answer("/predict/rounds", {"states": [ROUND, helmets, ROUND | {"t_helmets": None}]})
    assert [one.get("ignored_inputs") for one in many["predictions"]] == [None, ["ct_helmets"], None]
    schema = openapi.document()["components"]["schemas"]["RoundAnswer"]
    assert "ignored_inputs" in schema["properties"]
    assert "ignored_inputs" not in schema["required"]


@pytest.mark.parametrize("deleted", [False, True])
def test_a_reload_that_mlflow_does_not_answer_is_no_success(tmp_path, monkeypatch, deleted):
    monkeypatch.setattr("bento.predictions.http.app.RELOAD_WAIT", 0.1)
    settings = Settings(home=tmp_path, admin_token="sesame")
    if not deleted:
        settings.champion_cache.mkdir(parents=True)
    status, problem = asked(PredictionApp(settings, None), "/admin/reload", [(b"authorization", b"Bearer sesame")])
    assert (status, problem["type"]) == (503, "urn:cs2-pipeline:problem:not-reloaded")


def test_health_tells_where_things_are_to_administrators_alone(tmp_path):
    settings = Settings(home=tmp_path, admin_token="sesame")
    error = "no such table: registered_models (sqlite:////srv/secret/mlflow.db)"
    Status(time.time(), error=error).write(settings.champion_cache)
    app = PredictionApp(settings, None)
    asyncio.run(app._champions.glance())
    public = asyncio.run(answered(app, []))
    assert public["reasons"][-1].startswith("MLflow could not be asked"), "and no champion is served meanwhile"
    assert "secret" not in json.dumps(public)
    assert "sqlite" not in json.dumps(public)
    told = asyncio.run(answered(app, [(b"authorization", b"Bearer sesame")]))
    assert error in told["reasons"][-1]


async def answered(app, headers):
    """What /health says."""
    return json.loads(await app._health({"headers": headers}, None))


class Here:
    """The application in this process, with a tiny round model that was promoted."""

    def __init__(self, folder, **settings):
        self.passed_on = []
        self.app = PredictionApp(Settings(home=folder, **settings), self.inner)
        version = ModelVersion("round_predictor", "7", "run", "", "", "", "", "", {}, {})
        self.app._champions.predictors["round_predictor"] = predictor(version, round_artifact(folder / "model"))

    async def inner(self, scope, _receive, send):
        self.passed_on.append(scope["path"])
        await send({"type": "http.response.start", "status": 299, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    async def ask(self, path, *parts, method="POST", headers=(), turns=0):
        """Send a body in parts, the last of them after some turns of the loop; status, headers and messages sent."""
        sent, waiting = [], list(parts or (b"",))

        async def receive():
            if len(waiting) == 1:
                for _ in range(turns):
                    await asyncio.sleep(0)
            if not waiting:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

        async def send(message):
            sent.append(message)

        given = [(b"content-type", b"application/json"), *headers]
        await self.app({"type": "http", "method": method, "path": path, "headers": given}, receive, send)
        return sent[0]["status"] if sent else None, dict(sent[0]["headers"]) if sent else {}, sent[1:]

    def asked(self, *arguments, **named):
        return asyncio.run(self.ask(*arguments, **named))

    def holds_nothing(self):
        """Whether there is room for all that may be held at once, and for no byte more."""
        most = 2 * self.app._settings.max_body_bytes
        self.app.hold(most)
        with pytest.raises(Problem):
            self.app.hold(1)
        self.app.release(most)
        return True


@pytest.fixture
def here(tmp_path):
    return lambda **settings: Here(tmp_path, **settings)


ONE = json.dumps(ROUND).encode()


def test_a_body_of_the_largest_size_is_read_and_one_byte_more_is_not_begun(here):
    assert SMALL_BODY == 65_536
    app = here(max_body_bytes=100_000)
    two = json.dumps({"states": [ROUND, ROUND]}).encode()
    for path, body, limit in (("/predict/round", ONE, SMALL_BODY), ("/predict/rounds", two, 100_000)):
        for size, status in ((limit, 200), (limit + 1, 413)):
            whole = body.ljust(size)
            parts = whole[: limit // 2], whole[limit // 2 : limit], whole[limit:]
            assert app.asked(path, whole)[0] == status
            assert app.asked(path, *parts[: 3 if parts[2] else 2])[0] == status
            assert app.asked(path, body, headers=[(b"content-length", b"%d" % size)])[0] == status
            assert app.holds_nothing()
    assert app.asked("/predict/round", ONE, headers=[(b"content-length", b"many")])[0] == 200


def test_a_body_that_comes_in_parts_is_put_together_and_one_that_stops_is_nobodys(here):
    app = here()
    status, _, (answer,) = app.asked("/predict/round", ONE[:5], ONE[5:9], ONE[9:])
    assert (status, json.loads(answer["body"])["model_version"]) == (200, "7")

    async def gone(first):
        messages = [{"type": "http.request", "body": first, "more_body": True}] * bool(first)

        async def receive():
            return messages.pop() if messages else {"type": "http.disconnect"}

        scope = {"type": "http", "method": "POST", "path": "/predict/round",
                 "headers": [(b"content-type", b"application/json")]}  # fmt: skip
        await app.app(scope, receive, lambda _message: pytest.fail("nobody is there to be answered"))

    asyncio.run(gone(b""))
    asyncio.run(gone(ONE[:5]))
    assert app.holds_nothing()


def test_large_bodies_share_a_room_of_two_of_the_largest_and_the_first_always_fits(here):
    app = here(max_body_bytes=1_000).app
    app.hold(5_000)
    with pytest.raises(Problem) as refused:
        app.hold(1)
    assert refused.value.status == 429
    app.release(5_000)
    app.hold(1_000)
    app.hold(1_000)
    with pytest.raises(Problem):
        app.hold(1)


def test_a_refused_body_may_be_sent_to_its_end_and_then_the_connection_closes(here):
    app = here(max_body_bytes=1_000)
    status, headers, (told, end) = app.asked("/predict/rounds", b" " * 2_000, b" ", b" ")
    assert (status, headers[b"connection"]) == (413, b"close")
    assert told["more_body"] and json.loads(told["body"])["status"] == 413
    assert end == {"type": "http.response.body", "body": b""}
    status, headers, (told,) = app.asked("/predict/round", b"{")
    assert (status, b"connection" in headers, told["more_body"]) == (400, False, False)


def test_so_many_requests_are_worked_on_at_once_and_one_more_is_turned_away(here):
    app = here(max_in_flight=2)

    async def statuses(count, **how):
        return [
            status for status, *_ in await asyncio.gather(*(app.ask("/predict/round", **how) for _ in range(count)))
        ]

    async def told():
        at_once = await statuses(3)
        for _ in range(3):
            await asyncio.sleep(0)
        waiting = [asyncio.create_task(app.ask("/predict/round", ONE[:5], ONE[5:], turns=50)) for _ in range(2)]
        for _ in range(5):
            await asyncio.sleep(0)
        third, *_ = await app.ask("/predict/round", ONE)
        kept = [(await one)[0] for one in waiting]
        return at_once, third, kept, (await app.ask("/predict/round", ONE))[0]

    assert asyncio.run(told()) == ([400, 400, 429], 429, [200, 200], 200)


def test_requests_that_follow_each_other_do_not_wait_for_each_other(here):
    app = here(max_in_flight=1)

    async def one_after_the_other():
        found = []
        for _ in range(4):
            found.append((await app.ask("/predict/round", ONE))[0])
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return found

    assert asyncio.run(one_after_the_other()) == [200] * 4


@pytest.mark.parametrize(
    ("headers", "status"),
    [([(b"content-encoding", b" Identity")], 200), ([(b"content-encoding", b"br")], 415),
     ([(b"content-type", b"application/json; charset=latin-1")], 200), ([(b"x-other", b"gzip")], 200)],
)  # fmt: skip
def test_a_body_that_is_not_packed_is_read(here, headers, status):
    assert here().asked("/predict/round", ONE, headers=headers)[0] == status


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("GET", "/predict/rounds", 405, b"POST"), ("PUT", "/health", 405, b"GET"), ("POST", "/metrics", 405, b"GET"),
        ("DELETE", "/admin/reload", 405, b"POST"), ("POST", "/docs", 405, b"GET"), ("PUT", "/healthz", 405, b"GET"),
        ("GET", "/nowhere", 404, None), ("HEAD", "/health", 200, None), ("HEAD", "/docs", 200, None),
        ("HEAD", "/metrics", 200, None), ("GET", "/livez", 200, None), ("GET", "/readyz", 503, None),
        ("GET", "/healthz", 299, None), ("HEAD", "/schema.json", 299, None), ("POST", "/admin/reload", 403, None),
    ],
)  # fmt: skip
def test_each_path_has_its_methods(here, method, path, status, allowed):
    app = here()
    found, headers, _ = app.asked(path, method=method)
    assert (found, headers.get(b"allow")) == (status, allowed)
    assert app.passed_on == ([path] if status == 299 else [])


def test_the_service_is_ready_when_its_models_are_loaded_and_its_keys_are_read(here):
    app = here(served_models="round_predictor")
    for unread, status in ((True, 503), (False, 200)):
        app.app._access.unread = unread
        assert app.asked("/readyz", method="GET")[0] == status
    app.app._champions.predictors.clear()
    status, _, (answer,) = app.asked("/readyz", method="GET")
    assert (status, "round_predictor" in json.loads(answer["body"])["detail"]) == (503, True)


def test_the_models_are_told_with_what_they_learned_from_to_those_who_may_predict(here):
    app = here(api_keys=hashlib.sha256(b"a-key").hexdigest())
    status, _, (answer,) = app.asked("/models", method="GET", headers=[(b"x-api-key", b"a-key")])
    (model,) = json.loads(answer["body"])["models"]
    (version,) = app.app._champions.versions
    assert (status, model["version"], model["learned_from"]) == (200, "7", version.learned_from)
    assert app.asked("/models", method="GET")[0] == 401


def test_a_single_item_is_warned_of_without_a_count_and_a_batch_with_one(here):
    app = here()
    odd = ROUND | {"map_name": "de_dustt"}
    _, headers, _ = app.asked("/predict/round", json.dumps(odd).encode())
    assert headers[b"warning"].startswith(b'299 - "map_name is unknown and was left out; known: de_')
    _, headers, _ = app.asked("/predict/rounds", json.dumps({"states": [odd]}).encode())
    assert b"map_name is unknown and was" in headers[b"warning"]
    _, headers, _ = app.asked("/predict/rounds", json.dumps({"states": [odd, ROUND]}).encode())
    assert b"map_name is unknown in 1 of 2 items and was" in headers[b"warning"]


def test_a_websocket_is_closed_in_order(here):
    sent = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    asyncio.run(here().app({"type": "websocket", "path": "/"}, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1000}]


@pytest.mark.parametrize(
    ("declared", "status"),
    [(b"application/json", 200), (b'Application/JSON ; charset="UTF-8"', 200), (b"application/json;charset=utf-8", 200),
     (b"application/json; charset=latin-1", 415), (b"application/json; charset=utf-8; v=1", 415), (b"text/plain", 415),
     (b"", 415), (None, 415)],
)  # fmt: skip
def test_only_what_is_declared_as_json_in_utf_8_is_read(here, declared, status):
    headers = [] if declared is None else [(b"content-type", declared)]
    found, problem = asked(here().app, "/predict/round", headers, ONE)
    assert found == status
    assert status == 200 or problem["detail"].endswith(f"not {(declared or b'').decode()!a}")


def test_a_request_is_counted_once_with_how_long_it_took(here, monkeypatch):
    clock = iter([100.0, 100.25, 200.0])
    monkeypatch.setattr(app_module, "time", SimpleNamespace(perf_counter=lambda: next(clock), time=time.time))
    before = metrics.LATENCY._sum.get(), metrics.PREDICTIONS.labels("round_predictor")._value.get()
    app = here()
    many = json.dumps({"states": [ROUND] * 3}).encode()
    assert app.asked("/predict/rounds", many)[0] == 200
    after = metrics.LATENCY._sum.get(), metrics.PREDICTIONS.labels("round_predictor")._value.get()
    assert (after[0] - before[0], after[1] - before[1]) == (0.25, 3)
    assert app.asked("/predict/rounds", b"[")[0] == 400
    assert metrics.LATENCY._sum.get() == after[0], "what got no prediction has no latency"


def test_a_batch_counts_for_its_key_as_many_as_it_holds(here, monkeypatch):
    monkeypatch.setattr(buckets, "time", SimpleNamespace(monotonic=lambda: 100.0))
    app = here(api_keys=hashlib.sha256(b"a-key").hexdigest(), api_key_rate=4)
    headers = [(b"x-api-key", b"a-key")]
    three = json.dumps({"states": [ROUND] * 3}).encode()
    sent = (("/predict/rounds", three), ("/predict/round", ONE), ("/predict/round", ONE))
    found = [app.asked(path, body, headers=headers)[0] for path, body in sent]
    assert found == [200, 200, 429], "three and one at four a second"


def test_the_rest_of_a_refused_body_is_read_to_its_end_and_no_further(here):
    app, sent = here(max_body_bytes=1_000), []
    coming = [{"type": "http.request", "body": b" " * 2_000, "more_body": True},
              {"type": "http.request", "body": b" ", "more_body": True},
              {"type": "http.request", "body": b" ", "more_body": False}, {"type": "http.disconnect"}]  # fmt: skip

    async def receive():
        return coming.pop(0)

    async def send(message):
        sent.append(message["type"])

    scope = {"type": "http", "method": "POST", "path": "/predict/rounds",
             "headers": [(b"content-type", b"application/json")]}  # fmt: skip
    asyncio.run(app.app(scope, receive, send))
    assert sent == ["http.response.start", "http.response.body", "http.response.body"]
    assert coming == [{"type": "http.disconnect"}]


def test_health_is_by_the_models_that_are_served(here):
    def health(app):
        return asyncio.run(answered(app.app, []))

    one = health(here())
    assert one == {
        "status": "unavailable", "models_loaded": {"round_predictor": True, "player_classifier": False},
        "version": app_module.VERSION, "reasons": ["no champion of player_classifier is loaded"],
    }  # fmt: skip
    app = here(served_models="round_predictor")
    assert health(app) == {"status": "healthy", "models_loaded": {"round_predictor": True}, "version": one["version"]}
    Status(time.time(), error="it is away").write(app.app._settings.champion_cache)
    asyncio.run(app.app._champions.glance())
    assert health(app)["status"] == "degraded"


def test_a_reload_waits_for_what_mlflow_says(here, monkeypatch):
    monkeypatch.setattr(app_module, "RELOAD_WAIT", 3_600.0)
    app = here(admin_token="sesame", served_models="round_predictor")
    looks, reloaded_since = [], app.app._champions.reloaded_since

    async def looked(moment):
        looks.append(moment)
        if len(looks) == 2:
            Status(moment).write(app.app._settings.champion_cache)
        return await reloaded_since(moment)

    monkeypatch.setattr(app.app._champions, "reloaded_since", looked)
    status, _, (body,) = app.asked("/admin/reload", headers=[(b"authorization", b"Bearer sesame")])
    assert (status, json.loads(body["body"])["status"], len(looks)) == (200, "healthy", 2)
    assert looks[0] <= float((app.app._settings.champion_cache / champions.RELOAD_FILE).read_text())
    assert app.asked("/admin/reload", headers=[(b"authorization", b"Bearer open")])[0] == 401


def test_a_worker_ends_itself_when_the_process_that_started_it_is_gone(monkeypatch):
    parents, ended = iter([7, 7, 1]), []
    monkeypatch.setattr(app_module, "os", SimpleNamespace(
        getppid=lambda: next(parents), getpid=lambda: 8, kill=lambda *of: ended.append((*of, next(parents, "asked")))
    ))  # fmt: skip
    asyncio.run(app_module._end_when_orphaned())
    assert ended == [(8, signal.SIGTERM, "asked")]


def test_what_is_predicted_between_start_and_end_is_in_the_log(here, monkeypatch):
    async def follow(_root):
        await asyncio.Event().wait()

    monkeypatch.setattr(champions, "keep_following", follow)
    monkeypatch.setattr(app_module.gc, "freeze", lambda: None)  # the tests of this process need their memory again
    app, told = here(prediction_log=True), []
    coming = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def inner(_scope, receive, send):
        told.append((await receive())["type"])
        assert (await app.ask("/predict/round", ONE))[0] == 200
        assert (await app.ask("/predict/rounds", json.dumps({"states": [ROUND, ROUND]}).encode()))[0] == 200
        told.append((await receive())["type"])
        await send({"type": "lifespan.shutdown.complete"})

    async def receive():
        return next(coming)

    async def send(message):
        told.append(message["type"])

    async def whole_life():
        await app.app({"type": "lifespan"}, receive, send)
        running_on = [one for one in asyncio.all_tasks() - {asyncio.current_task()} if not one.cancelling()]
        return running_on, ds.dataset(app.app._settings.prediction_log_folder / "round_predictor").count_rows()

    app.app._inner = inner
    left, logged = asyncio.run(whole_life())
    assert told == ["lifespan.startup", "lifespan.shutdown", "lifespan.shutdown.complete"]
    assert (left, logged) == ([], 3)


def test_without_a_log_nothing_is_written(here):
    app = here(prediction_log=False)
    assert app.asked("/predict/round", ONE)[0] == 200 and app.app._log is None


def test_without_a_champion_a_prediction_is_refused_with_the_models_name(here):
    app = here()
    app.app._champions.predictors.clear()
    status, headers, (body,) = app.asked("/predict/round", ONE)
    assert (status, headers[b"retry-after"]) == (503, b"5")
    assert json.loads(body["body"])["detail"].startswith("no champion of round_predictor is loaded")


def test_a_defect_beside_the_predictions_is_answered_with_an_id_too(here, caplog):
    app = here()
    app.app._access = None
    status, _, (body,) = app.asked("/models", method="GET")
    identifier = json.loads(body["body"])["detail"].rpartition(" ")[2]
    assert status == 500 and len(identifier) == 32 and identifier in caplog.text
