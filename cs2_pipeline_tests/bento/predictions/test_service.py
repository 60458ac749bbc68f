"""The service as BentoML runs it: its clients, its workers, its end, and what it does not bring along."""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import bentoml
import pytest

from cs2_pipeline_tests.bento.serving import ONE_PROCESS, PATIENCE, PLAYER, ROUND, SUPERVISED, free_port, serving


def test_bentomls_own_client_reaches_the_endpoints(server):
    with bentoml.SyncHTTPClient(server.url) as client:
        direct = server.post("/predict/round", ROUND).json
        assert client.predict_round(ROUND) == direct
        assert client.predict_rounds({"states": [ROUND]})["model_version"] == "1"
        assert client.classify_player(PLAYER)["skill_level"] == "Advanced"
        assert len(client.classify_players({"players": [PLAYER, PLAYER]})["predictions"]) == 2
        with pytest.raises(bentoml.exceptions.BentoMLException, match="ct_alive"):
            client.predict_round(ROUND | {"ct_alive": 6})


async def answers_from_inside():
    from bento.predictions.service import CounterStrike

    service = CounterStrike()
    many = await service.predict_rounds({"states": [ROUND]}), await service.classify_players({"players": [PLAYER]})
    return await service.predict_round(ROUND), await service.classify_player(PLAYER), *many


def test_another_service_in_the_same_process_gets_the_same_answers(served_home, server):
    script = (
        "import asyncio, json; from cs2_pipeline_tests.bento.predictions.test_service import answers_from_inside;"
        "print(json.dumps(asyncio.run(answers_from_inside())))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, check=True, env={"CS2_HOME": str(served_home.path)}
    )
    asked = {
        "/predict/round": ROUND,
        "/classify/player": PLAYER,
        "/predict/rounds": {"states": [ROUND]},
        "/classify/players": {"players": [PLAYER]},
    }
    expected = [server.post(path, document).json for path, document in asked.items()]
    assert json.loads(done.stdout.splitlines()[-1]) == expected


def test_a_worker_loads_nothing_that_training_needs():
    heavy = [
        "torch",
        "dagster",
        "pandas",
        "great_expectations",
        "mlflow",
        "sqlalchemy",
        "sklearn",
        "pyarrow",
        "onnx",
        "pickle_model",
    ]
    load = "import bento.predictions.service; bento.predictions.service.CounterStrike.to_asgi()"
    script = f"import sys; {load}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"


def test_the_supervisor_of_the_workers_loads_no_models():
    heavy = ["onnxruntime", "numpy", "bento.predictions.http.app", "uvicorn"]
    script = f"import sys; import bento.predictions.service; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("module", "status"), [(SUPERVISED, 0), (ONE_PROCESS, -signal.SIGTERM)])
def test_termination_lets_a_request_under_way_finish(served_home, module, status):
    with serving(served_home.path, module=module) as server:
        body = json.dumps(ROUND).encode()
        head = (
            b"POST /predict/round HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
            connection.sendall(head % len(body) + body[:20])
            server.get("/livez", Connection="close")  # accepted after the other one
            server.terminate()
            with pytest.raises(subprocess.TimeoutExpired):
                server.process.wait(0.5)
            connection.sendall(body[20:])
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        assert server.process.wait(PATIENCE) == status


def test_no_worker_outlives_a_supervisor_that_was_killed(served_home):
    with serving(served_home.path) as server:
        (worker,) = server.workers()
        server.process.kill()
        server.process.wait()
        deadline = time.monotonic() + PATIENCE
        while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not Path(f"/proc/{worker}").exists()


@pytest.mark.parametrize("module", [SUPERVISED, ONE_PROCESS])
@pytest.mark.parametrize(
    ("name", "value", "said"), [("CS2_API_KEYS", "clear-text-key", "sha256sum"), ("CS2_HOME", "/dev/null", "/dev/null")]
)
def test_settings_that_cannot_work_end_the_start_with_a_message(tmp_path, name, value, said, module):
    environment = {"CS2_HOME": str(tmp_path), "BENTOML_HOME": str(tmp_path), "CS2_SERVICE_PORT": str(free_port())}
    environment |= {"PATH": "", name: value}
    command = [sys.executable, "-m", *module]
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode != 0
    assert said in done.stdout + done.stderr
    assert "clear-text-key" not in done.stdout + done.stderr
