"""Kill -9 of the webserver and of the daemon, and PostgreSQL restarted, under a run: as the compose file starts them.

Everything that runs by itself is on: nobody launches what follows, the daemon finds it.
"""

import os
import signal
import subprocess
import time
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

import httpx
import pytest

from cs2_pipeline.demodb.simulator import append_days, simulate
from cs2_pipeline_tests.deploy.test_wiring import STATUS, graphql

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

FIRST = date(2026, 1, 1)
PATIENCE = 600.0
ENDED = "('SUCCESS', 'FAILURE', 'CANCELED')"


class Platform:
    """The compose file's processes, each of which can be killed and started again."""

    def __init__(self, machine, postgres):
        self.machine, self.postgres = machine, postgres
        self.processes = {}
        self.database = machine.folder / "lib" / "cs2" / "demos.sqlite"
        self.day = FIRST

    def start(self, *services):
        for service in services:
            with self.machine.log(service).open("ab") as log:
                self.processes[service] = subprocess.Popen(
                    self.machine.command(service), env=self.machine.environment(service),
                    cwd=self.machine.folder / "lib" / "cs2", stdin=subprocess.DEVNULL, stdout=log,
                    stderr=subprocess.STDOUT, start_new_session=True,
                )  # fmt: skip

    def kill(self, *services):
        for service in services:
            process = self.processes.pop(service)
            with suppress(ProcessLookupError):
                # The whole group: dagster's servers have children that would outlive them.
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def play(self, matches=6):
        """Demos of two more days come in; returns the days."""
        first = self.day
        if self.database.exists():
            append_days(self.database, first_day=first, days=2, matches=matches, teams=4)
        else:
            simulate(self.database, first_day=first, days=2, matches=matches, teams=4)
        self.day += timedelta(days=2)
        return first

    def runs(self, condition="true"):
        """Ids of runs of the extraction."""
        query = f"SELECT run_id FROM runs WHERE pipeline_name = 'extract' AND {condition} ORDER BY id"  # noqa: S608
        return self.postgres.sql("dagster", query).split()

    def until(self, holds, what):
        deadline = time.monotonic() + PATIENCE
        while not holds():
            logs = "\n".join(f"== {name}\n{self.machine.log(name).read_text()[-2500:]}" for name in self.processes)
            assert time.monotonic() < deadline, f"{what}\n{self.runs()}\n{logs}"
            time.sleep(0.2)

    def verdict(self, day):
        folder = self.machine.folder / "lib" / "cs2" / "data" / "verdicts"
        return [(folder / table / f"{day}.json").exists() for table in ("rounds", "round_snapshots")]

    def shown(self, run):
        """A run's status as the webserver shows it; None where it could not answer."""
        with suppress(httpx.HTTPStatusError):
            return graphql(self.machine, STATUS, {"id": run})["runOrError"]["status"]


def restart(postgres):
    """As if it had been killed: no connection is closed, the log is replayed."""
    pgserver = pytest.importorskip("pgserver")
    data = Path(postgres.sql("postgres", "SHOW data_directory"))
    owner = data.owner() if os.geteuid() == 0 else None
    pgserver.pg_ctl(["-w", "-m", "immediate", "-l", str(data / "log"), "restart"], pgdata=data, user=owner, timeout=60)


@pytest.fixture(scope="module")
def platform(machine, postgres):
    found = Platform(machine, postgres)
    found.play()
    try:
        found.start("mlflow")
        machine.await_answer("mlflow", "/health")
        machine.run("migrate")
        found.start("code-location")
        machine.await_healthy("code-location")
        found.start("dagster-webserver", "dagster-daemon")
        machine.await_healthy("dagster-webserver")
        yield found
    finally:
        found.kill(*list(found.processes))


def test_a_run_outlives_the_webserver_and_the_daemon_and_both_go_on_where_they_were(platform):
    platform.until(lambda: platform.runs("status = 'STARTED'"), "the daemon asks for the first days by itself")
    (run,) = platform.runs()
    platform.kill("dagster-webserver", "dagster-daemon")

    platform.until(lambda: platform.runs(f"status IN {ENDED}"), "the run goes on without them")
    assert platform.runs("status = 'SUCCESS'") == [run]

    day = platform.play()
    platform.start("dagster-webserver", "dagster-daemon")
    platform.machine.await_healthy("dagster-webserver")
    assert platform.shown(run) == "SUCCESS"
    platform.until(lambda: len(platform.runs("status = 'SUCCESS'")) == 2, "the restarted daemon finds the new days")
    assert len(platform.runs()) == 2, "no day was extracted twice"
    assert platform.verdict(day) == [True, True]


def test_a_postgres_that_is_restarted_under_a_run_loses_nothing_and_the_next_run_goes_through(platform):
    before = platform.runs()
    day = platform.play(matches=60)
    platform.until(lambda: platform.runs("status = 'STARTED'"), "the daemon asks for the new days")
    restart(platform.postgres)

    platform.until(lambda: platform.verdict(day) == [True, True], "the days are extracted, by this run or the next")
    platform.until(lambda: not platform.runs(f"status NOT IN {ENDED}"), "no run stays open")
    assert platform.runs()[: len(before)] == before, "what was committed is there"
    # The webserver's first question on each connection that was cut fails; then it has a new one.
    platform.until(lambda: platform.shown(platform.runs()[-1]) == "SUCCESS", "the webserver shows it")

    day = platform.play()
    platform.until(lambda: platform.verdict(day) == [True, True], "the next days are extracted")
