"""A platform on a real small demo database: eight simulated matches on four days, extracted by the real job."""

import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from cs2_pipeline.defs import jobs
from cs2_pipeline.defs.automation.due_days import due_days, extraction_tags
from cs2_pipeline.defs.definitions import assemble
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.defs.verdicts import Verdicts
from cs2_pipeline.demodb.simulator import simulate
from cs2_pipeline.settings import Settings

FIRST, LAST = date(2026, 1, 1), date(2026, 1, 4)
DAYS = ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"]


@dataclass
class World:
    """A platform in a folder with a Dagster instance in memory."""

    settings: Settings
    instance: dg.DagsterInstance

    @property
    def platform(self) -> Platform:
        return Platform(self.settings)

    @property
    def database(self) -> Path:
        return self.settings.embedded_database

    @property
    def verdicts(self) -> Verdicts:
        return Verdicts(self.platform.tables)

    def due(self):
        with self.platform.demo_database() as database:
            return due_days(database, self.verdicts, self.settings.first_day)

    def run(self, job, tags=None):
        made = assemble(self.settings).resolve_job_def(job)
        return made.execute_in_process(instance=self.instance, tags=tags, raise_on_error=False)

    def extract(self, first=FIRST, last=LAST):
        return self.run(jobs.EXTRACT, extraction_tags(first, last, self.due().newest))


@pytest.fixture(scope="session")
def simulated(once):
    """The database, to be copied."""

    def make(folder):
        simulate(folder / "demos.sqlite", matches=8, days=4, teams=4, first_day=FIRST)

    return once("simulated", make) / "demos.sqlite"


@pytest.fixture
def world(tmp_path, simulated, empty_store):
    """A platform whose demo database was never extracted."""
    settings = Settings(home=tmp_path / "cs2")
    settings.home.mkdir()
    shutil.copy(empty_store, settings.home)
    shutil.copy(simulated, settings.embedded_database)
    return World(settings, dg.DagsterInstance.ephemeral())


@pytest.fixture(scope="session")
def extracted_once(once, simulated, empty_store):
    """The home of a platform after one extraction of all days."""

    def make(home):
        shutil.copy(empty_store, home)
        shutil.copy(simulated, home / "demos.sqlite")
        assert World(Settings(home=home), dg.DagsterInstance.ephemeral()).extract().success

    return once("extracted", make)


@pytest.fixture
def extracted(tmp_path, extracted_once):
    """A platform whose days are all extracted and passed, with an empty Dagster instance."""
    home = tmp_path / "cs2"
    shutil.copytree(extracted_once, home)
    return World(Settings(home=home), dg.DagsterInstance.ephemeral())
