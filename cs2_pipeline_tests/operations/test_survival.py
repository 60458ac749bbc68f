"""Kill -9, a restarted MLflow and a full disk: what they leave is consistent, and the next run goes through.

The killed are real processes; they are killed when what they left behind shows how far they are, never after a time.
"""

import logging
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress
from datetime import date
from pathlib import Path

import dagster as dg
import httpx
import pytest
from pydantic import SecretStr

from cs2_pipeline.artifact import catalog
from cs2_pipeline.defs import retries
from cs2_pipeline.defs.definitions import assemble
from cs2_pipeline.defs.verdicts import DAILY_TABLES
from cs2_pipeline.demodb.simulator import append_days, simulate
from cs2_pipeline.registry import promotion
from cs2_pipeline.registry.champion import ModelVersion
from cs2_pipeline.registry.runs import record
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.defs.conftest import DAYS, FIRST, World
from cs2_pipeline_tests.deploy.compose import free_port
from cs2_pipeline_tests.models.round.quick import train_quickly
from cs2_pipeline_tests.tiny_models import round_artifact, training_run

pytestmark = pytest.mark.timeout(1800)

NAME = "round_predictor"
NEW_DAYS = ["2026-01-05", "2026-01-06"]
PATIENCE = 600.0
CLI = ("-m", "cs2_pipeline.cli")
EXTRACT = (
    "from cs2_pipeline import settings; from cs2_pipeline.cli import training; training.extract_new(settings.load())"
)
PROMOTE = """
import os, signal
import dagster as dg
from mlflow.tracking import MlflowClient
from cs2_pipeline import settings
from cs2_pipeline.defs.definitions import assemble

original, killed_before = MlflowClient.set_registered_model_alias, None

def set_alias(self, name, alias, version):
    if alias == killed_before:
        os.kill(os.getpid(), signal.SIGKILL)
    original(self, name, alias, version)

MlflowClient.set_registered_model_alias = set_alias
job = assemble(settings.load()).resolve_implicit_global_asset_job_def()
while line := input():
    child = os.fork()
    if not child:
        killed_before = line
        with dg.DagsterInstance.ephemeral() as instance:
            job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey("round_predictor_promotion")])
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""For each line it reads, materialises the promotion in a process of its own, which dies by SIGKILL where it is about
to move the alias of that name; what it imports is imported once."""


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A home whose first four days are extracted, while the demo database holds two more."""
    home = tmp_path_factory.mktemp("grown") / "cs2"
    home.mkdir()
    world = World(Settings(home=home, first_day=FIRST), dg.DagsterInstance.ephemeral())
    simulate(world.database, matches=24, days=4, teams=6, first_day=FIRST)
    assert world.extract().success
    append_days(world.database, first_day=date(2026, 1, 5), days=2, matches=12, teams=6)
    return home


@pytest.fixture
def world(tmp_path, grown):
    home = tmp_path / "cs2"
    shutil.copytree(grown, home)
    return World(Settings(home=home, first_day=FIRST), dg.DagsterInstance.ephemeral())


def environment(world, **more):
    given = {key: value for key, value in os.environ.items() if not key.startswith(("CS2_", "DAGSTER_", "MLFLOW_"))}
    given |= {"CS2_HOME": str(world.settings.home), "CS2_FIRST_DAY": FIRST.isoformat(), "OMP_NUM_THREADS": "1"}
    return given | more


def killed_when(world, reached, *command):
    """Start `cs2`, kill it with all its children once ``reached()`` holds, and return what it had said."""
    log = world.settings.home / "child.log"
    with log.open("w") as output:
        child = subprocess.Popen(
            [sys.executable, *CLI, *command],
            env=environment(world), cwd=world.settings.home, start_new_session=True,
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        until(lambda: reached() or child.poll() is not None, log)
        assert child.poll() is None, f"it ended before it could be killed\n{log.read_text()}"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
    return log.read_text()


def until(holds, log):
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.005)


def executed(world, *arguments):
    """Run Python to its end in the world's home, and return what it said."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment(world), cwd=world.settings.home, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def tables(world, days=DAYS):
    root = world.settings.home / "data"
    paths = [root / table / f"{day}.parquet" for table in DAILY_TABLES for day in days]
    return {path.relative_to(root): path.read_bytes() for path in paths}


def mlflow_rows(world, query):
    path = world.settings.home / "mlflow.db"
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection:
        try:
            return connection.execute(query).fetchall()
        except sqlite3.OperationalError:  # its tables are being made
            return []


def dagster_runs(world):
    """Job and status of the command line's runs, the oldest first."""
    with dg.DagsterInstance.from_config(str(world.settings.home / "dagster")) as instance:
        return [(run.job_name, run.status.value) for run in reversed(instance.get_runs())]


def killed_in_extraction(world):
    """`cs2 train`, killed when it has written the first table of a new day."""
    written = world.settings.home / "data" / "rounds" / f"{NEW_DAYS[-1]}.parquet"
    return killed_when(world, written.exists, "train", "round")


def test_a_worker_killed_in_the_middle_of_an_extraction_leaves_nothing_that_the_next_run_trusts(world):
    before = tables(world)
    killed_in_extraction(world)

    assert tables(world) == before
    assert world.verdicts.usable().days == DAYS, "a day that was not checked in all its tables is no good day"
    assert [day.isoformat() for day in world.due().days] == NEW_DAYS
    assert dagster_runs(world) == [("extract", "STARTED")]

    said = executed(world, "-c", EXTRACT)

    assert "an earlier extract was killed" in said
    assert dagster_runs(world) == [("extract", "FAILURE"), ("extract", "SUCCESS")]
    assert tables(world) == before
    assert world.verdicts.usable().days == [*DAYS, *NEW_DAYS]
    assert world.due().days == {}
    assert not list((world.settings.home / "data").rglob("*.part"))


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_of_a_training_leaves_no_version_and_its_open_run_is_closed_by_the_next(world):
    running = lambda: mlflow_rows(world, "SELECT 1 FROM runs WHERE status = 'RUNNING'")  # noqa: E731
    said = killed_when(world, running, "train", "round")

    assert "measuring on the test part" in said
    assert promotion.versions(world.platform.tracking_uri, NAME) == []
    assert promotion.aliases(world.platform.tracking_uri, NAME) == {}
    assert world.platform.models.champion(NAME) is None
    (orphan,) = mlflow_rows(world, "SELECT run_uuid FROM runs WHERE status = 'RUNNING' AND name LIKE '% training'")

    said = executed(world, *CLI, "train", "round")

    assert "an earlier train_round was killed" in said
    assert not running()
    ((note,),) = mlflow_rows(
        world,
        "SELECT value FROM tags JOIN runs USING (run_uuid) WHERE status = 'KILLED' AND key = 'mlflow.note.content'"
        " AND name LIKE '% training'",
    )
    assert "ended (failure) while it was being written; it holds no version" in note
    (version,) = promotion.versions(world.platform.tracking_uri, NAME)
    assert version.run_id != orphan[0]
    (event,) = promotion.history(world.platform.tracking_uri, NAME)
    assert (event.action == "promoted") == (version.tags["decision"] == "promote")
    champion = world.platform.models.champion(NAME)
    assert (champion is not None) == (event.action == "promoted")
    assert [status for job, status in dagster_runs(world) if job == "train_round"] == ["FAILURE", "SUCCESS"]


def registered(world: World, compared_with: str) -> ModelVersion:
    """A version that earned promotion over the given champion, as the training leaves it for the promotion."""
    folder = world.settings.home / f"artifact after {compared_with or 'none'}"
    round_artifact(folder)
    tags = {
        "decision": "promote",
        "decision_reason": "a test",
        "compared_with": compared_with,
        "source": "the demo database",
    }
    run = training_run(NAME, folder, tags=tags)
    version = record(world.platform.tracking_uri, run, artifact_root=world.platform.artifact_root)
    world.platform.tables.write_json(NAME, {"name": NAME, "version": version.version, "run_id": version.run_id})
    return version


@pytest.fixture
def promote(world):
    """Promotes in a process that dies before it moves the alias given; returns how it ended."""
    child = subprocess.Popen(
        [sys.executable, "-c", PROMOTE],
        env=environment(world), cwd=world.settings.home, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip

    def run(killed_before: str) -> int:
        print(killed_before, file=child.stdin, flush=True)
        return int(child.stdout.readline())

    yield run
    child.communicate("\n", timeout=PATIENCE)


def test_a_worker_killed_in_the_middle_of_a_promotion_leaves_one_champion_and_promotes_once_when_it_runs_again(
    world, promote
):
    uri = world.platform.tracking_uri
    first = registered(world, "")
    promotion.promote(uri, first, reason="a test")
    second = registered(world, first.version)
    for alias in ("previous", "champion"):
        assert promote(alias) == -signal.SIGKILL
        assert world.platform.models.champion(NAME).version == first.version
    assert promote("none") == 0
    assert promotion.aliases(uri, NAME) == {"champion": second.version, "previous": first.version}

    events = [(event.action, event.version, event.former) for event in promotion.history(uri, NAME)]
    assert events == [("promoted", first.version, None), ("promoted", second.version, first.version)]


@contextmanager
def full(folder, room=4096):
    """The disk that holds a folder has so many bytes left."""
    ballast = folder / "ballast"
    stat = os.statvfs(folder)
    ballast.write_bytes(b"\0" * (stat.f_bavail * stat.f_frsize - room))
    yield
    ballast.unlink()


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = shutil.which("mount") and os.geteuid() == 0
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if not mounted or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a small disk can be mounted by root only")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_fails_the_extraction_in_plain_words_and_leaves_the_former_tables_and_room_makes_it_go_on(
    world, small_disk
):
    shutil.copytree(world.settings.home / "data", small_disk / "data")
    world.settings = world.settings.model_copy(update={"data_url": str(small_disk / "data")})
    before = {path: path.read_bytes() for path in (small_disk / "data").rglob("*.parquet")}
    new = date(2026, 1, 5), date(2026, 1, 6)
    with full(small_disk):
        result = world.extract(*new)
        assert not result.success
        causes = [str(event.step_failure_data.error) for event in result.all_events if event.is_step_failure]
        assert any("No space left on device" in cause for cause in causes)
    after = {path: path.read_bytes() for path in before}
    assert after == before
    assert not list(small_disk.rglob("*.part"))
    assert world.verdicts.usable().days == DAYS
    assert [day.isoformat() for day in world.due().days] == NEW_DAYS

    assert world.extract(*new).success
    assert world.verdicts.usable().days == [*DAYS, *NEW_DAYS]


class TrackingServer:
    """A real MLflow server on the store of a home."""

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{self.home}/mlflow.db"]
        command += ["--artifacts-destination", str(self.home / "artifacts")]
        self.log = self.home / "server.log"
        with self.log.open("a") as output:
            self.process = subprocess.Popen(
                command, cwd=self.home, start_new_session=True, stdout=output, stderr=subprocess.STDOUT
            )
        until(self._answers, self.log)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _answers(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/health", timeout=5).status_code == 200
        return False


class Onlooker(logging.Handler):
    """Kills the server when a training is about to need it, and brings it back when the training waits for it."""

    def __init__(self, server: TrackingServer) -> None:
        super().__init__()
        self.server, self.seen = server, []

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        if not self.seen and "measuring on the test part" in said:
            self.seen.append("killed")
            self.server.kill()
        elif self.seen == ["killed"] and "Trying again in" in said:
            self.seen.append("back")
            self.server.start()


@pytest.mark.slow
def test_an_mlflow_killed_and_restarted_under_a_training_is_waited_for_and_the_training_is_registered_once(
    world, monkeypatch
):
    monkeypatch.setattr(retries, "FIRST_PAUSE", 0.1)
    train_quickly(monkeypatch, epochs=4)
    server = TrackingServer(world.settings.home)
    onlooker = Onlooker(server)
    world.settings = world.settings.model_copy(update={"mlflow_tracking_uri": SecretStr(server.url)})

    @dg.logger
    def onlooking(_: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("onlooker", logging.DEBUG)
        logger.addHandler(onlooker)
        return logger

    definitions = dg.Definitions.merge(assemble(world.settings), dg.Definitions(loggers={"onlooker": onlooking}))
    server.start()
    try:
        result = definitions.resolve_job_def(catalog.ROUND.job).execute_in_process(
            instance=world.instance, run_config={"loggers": {"onlooker": {}}}, raise_on_error=False
        )
        assert result.success
        assert onlooker.seen == ["killed", "back"]
        (version,) = promotion.versions(server.url, NAME)
        (event,) = promotion.history(server.url, NAME)
        assert (event.action == "promoted") == (version.tags["decision"] == "promote")
    finally:
        server.kill()
