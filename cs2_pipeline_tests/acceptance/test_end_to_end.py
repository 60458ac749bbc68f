"""From an empty folder to a promoted, served model, as a newcomer runs it: the real commands in real processes."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest

from cs2_pipeline.artifact import catalog
from cs2_pipeline.registry import promotion
from cs2_pipeline.registry.client import connect

pytestmark = pytest.mark.timeout(3600)

CHROMIUM = shutil.which("chromium")
EXPANDED = ",".join(f"global@global:{group}" for group in ("extraction", "validation", "datasets", "models"))
PORTS = ("CS2_DAGSTER_PORT", "CS2_MLFLOW_PORT", "CS2_SERVICE_PORT")


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    numbers = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return numbers


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CS2_", "DAGSTER", "MLFLOW"))}
    ports = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
    return {**clean, **ports, "CS2_HOME": str(tmp_path_factory.mktemp("home")), "CS2_GIT_COMMIT": "a" * 40}


def cs2(*arguments, environment):
    command = [sys.executable, "-m", "cs2_pipeline.cli", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def demo(environment):
    done = cs2("demo", environment=environment)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_the_demo_ends_with_two_predictions_of_promoted_versions(demo):
    (ct, t) = re.search(r"CT (\d+) % \[\d+–\d+\] [█░]{20} T (\d+) %    round_predictor version 1$", demo, re.M).groups()
    assert int(ct) + int(t) == 100
    tiers = re.findall(r"^ +(?:Beginner|Intermediate|Advanced|Pro) +[█░]{20} (\d+) %$", demo, re.M)
    assert sum(map(int, tiers)) == pytest.approx(100, abs=2)
    assert "player_classifier version 1" in demo
    assert demo.count("curl -s http://") == 2


def test_both_models_beat_what_they_must_with_intervals_that_say_so(demo, environment):
    uri = f"sqlite:///{Path(environment['CS2_HOME']) / 'mlflow.db'}"
    for name in catalog.names():
        client = connect(uri)
        run_id = client.get_model_version_by_alias(name, "champion").run_id
        metrics = client.get_run(run_id).data.metrics
        table = json.loads(Path(client.download_artifacts(run_id, "metrics.json")).read_text())
        intervals = {row[0]: (row[2], row[1], row[3]) for row in table["data"]}
        assert intervals["against_baseline"][2] <= catalog.spec_of(name).requirements.baseline_margin
        for metric in ("log_loss", "brier", "auc", "accuracy", "ece"):
            for prefix in ("test", "baseline"):
                found = intervals[f"{prefix}_{metric}"]
                assert list(found) == sorted(found)
                ends = [metrics[f"{prefix}_{metric}{end}"] for end in ("_low", "", "_high")]
                assert ends == pytest.approx(list(found))
        assert {"train_seconds", "rows_train", "rows_test"} <= metrics.keys()


def test_a_run_carries_its_evidence_and_can_be_traced(demo, environment):
    client = connect(f"sqlite:///{Path(environment['CS2_HOME']) / 'mlflow.db'}")
    for name in catalog.names():
        version = client.get_model_version_by_alias(name, "champion")
        run = client.get_run(version.run_id)
        assert {"dagster_run_id", "source_watermark", "git_commit"} <= run.data.tags.keys()
        files = {file.path for file in client.list_artifacts(version.run_id)}
        assert {
            "reliability.png",
            "reliability.csv",
            "model_card.md",
            "slices.csv",
            "promotion.md",
            "audit.md",
        } <= files
        assert ({"by_rounds.png", "by_rounds.csv"} <= files) == (name == catalog.PLAYER.name)
        digest = run.inputs.dataset_inputs[0].dataset.digest
        assert digest == version.tags["dataset_digest"]
        assert version.tags["promoted_at"]
        assert version.tags["promotion_reason"]


def test_the_error_against_the_exact_truth_is_printed(demo):
    found = re.search(r"root mean square error against the exact probability: (0\.\d+)", demo)
    assert found
    assert float(found[1]) < 0.2


def test_everything_comes_up_answers_and_leaves_no_process_behind(demo, environment):
    command = [sys.executable, "-m", "cs2_pipeline.cli", "up"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True) as up:
        try:
            lines = iter(up.stdout.readline, "")
            assert any("Ctrl-C" in line for line in lines)
            pages = ("/server_info", "/health", "/health")
            for port, page in zip(PORTS, pages, strict=True):
                with urllib.request.urlopen(f"http://127.0.0.1:{environment[port]}{page}", timeout=120) as answer:
                    assert answer.status == 200
            assert wait_ready(environment)
            found = cs2("predict", "round", "ct_alive=1", "t_alive=5", "--json", environment=environment)
            assert json.loads(found.stdout)["ct_win_probability"] < 0.5
            home = environment["CS2_HOME"]
            assert processes_of(home)
            if CHROMIUM:
                assert "/predict/round" in page_text(environment["CS2_SERVICE_PORT"], "/")
                lineage = page_text(environment["CS2_DAGSTER_PORT"], f"/asset-groups?expanded={EXPANDED}")
                assert "round_snapshots" in lineage
                assert "round_predictor_promotion" in lineage
                assert "round_predictor" in page_text(environment["CS2_MLFLOW_PORT"], "/#/models")
        finally:
            os.killpg(up.pid, signal.SIGINT)
            status = up.wait(600)
    assert status == 0
    assert processes_of(home) == []


def test_training_again_keeps_the_champion_and_says_why(demo, environment):
    same = cs2("train", "player", environment=environment)
    assert same.returncode == 0, same.stderr
    assert "nothing new: version 1 was made from the same data, seed and code" in same.stdout
    done = cs2("train", "player", environment=environment | {"CS2_GIT_COMMIT": "b" * 40})
    assert done.returncode == 0, done.stderr
    assert "nothing new in the demo database" in done.stdout
    assert "version 2 refused; champion is version 1" in done.stdout
    uri = f"sqlite:///{Path(environment['CS2_HOME']) / 'mlflow.db'}"
    refused = connect(uri).get_model_version("player_classifier", "2")
    assert "No improvement over the champion (version 1)" in refused.tags["refused_reason"]
    forced = cs2(
        "models", "promote", "player_classifier", "2", "--force", "--reason", "try it", environment=environment
    )
    assert forced.returncode == 0, forced.stderr
    back = cs2("models", "rollback", "player_classifier", "--reason", "enough", environment=environment)
    assert "version 1 again" in back.stdout
    actions = [event.action for event in promotion.history(uri, "player_classifier")]
    assert actions == ["promoted", "refused", "forced", "rolled_back"]


def page_text(port, path):
    """What a page says once a real browser has run it."""
    options = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync"
    # The lineage graph draws only what is in view.
    quiet = (
        "--disable-background-networking --disable-component-update --window-size=6000,4000 --virtual-time-budget=40000"
    )
    with tempfile.TemporaryDirectory() as profile:
        command = [CHROMIUM, *options.split(), *quiet.split(), f"--user-data-dir={profile}", "--dump-dom"]
        address = f"http://127.0.0.1:{port}{path}"
        return subprocess.run([*command, address], capture_output=True, text=True, check=True, timeout=600).stdout


def wait_ready(environment, seconds=600):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{environment['CS2_SERVICE_PORT']}/readyz", timeout=5):
                return True
        except OSError:
            time.sleep(0.2)
    return False


def processes_of(home):
    """Ids of living processes that carry the home folder in their environment."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                carries = f"CS2_HOME={home}".encode() in (folder / "environ").read_bytes().split(b"\0")
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if carries and state != "Z":
                found.append(int(folder.name))
    return found
