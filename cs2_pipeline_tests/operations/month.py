"""A platform driven day by day: the real sensors, schedules, conditions and jobs on one Dagster instance, no waiting.

What Dagster's daemon does between the ticks is done here: cursors are kept, a run key is used once, a failed run is
shown to the failure sensor. A day is over when nothing asks for anything any more.
"""

import sqlite3
from collections import defaultdict
from contextlib import closing
from datetime import date, datetime, time, timedelta
from typing import Any

import dagster as dg

from cs2_pipeline.artifact import catalog
from cs2_pipeline.defs import jobs
from cs2_pipeline.defs.assets.monitoring import JOB as LOOK
from cs2_pipeline.defs.assets.monitoring import daily_monitoring, latest
from cs2_pipeline.defs.automation.abandoned import abandoned_runs
from cs2_pipeline.defs.automation.conditions import conditions
from cs2_pipeline.defs.automation.failures import failed_runs
from cs2_pipeline.defs.automation.new_demos import new_demos
from cs2_pipeline.defs.automation.retrain_on_drift import retrain_on_drift
from cs2_pipeline.defs.automation.training import enough_new_rounds, nightly_training
from cs2_pipeline.defs.definitions import assemble
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.defs.verdicts import Verdicts
from cs2_pipeline.demodb.simulator import GameModel, append_days
from cs2_pipeline.registry import promotion
from cs2_pipeline.settings import Settings
from cs2_pipeline.training import monitoring

MOST_TICKS = 8
"""A sensor that still asks for runs after as many ticks of one day would ask for ever."""


class Month:
    """The platform, its clock, and the log of what happened."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance, *, teams: int) -> None:
        self.settings = settings
        self.platform = Platform(settings)
        self.definitions = assemble(settings)
        self.instance = instance
        self.teams = teams
        self.story: list[tuple[date, str]] = []
        self.day = settings.first_day
        self.asked: dict[str, list[tuple[date, dg.RunRequest]]] = defaultdict(list)
        self._cursors: dict[str, str | None] = {}
        self._conditions: Any = None
        self._events_told = dict.fromkeys(catalog.names(), 0)
        self._alarms_told: set[str] = set()
        self._tell_failures()  # the first tick notes where it begins

    @property
    def verdicts(self) -> Verdicts:
        return Verdicts(self.platform.tables)

    @property
    def registry(self) -> str:
        return self.platform.tracking_uri

    def sql(self, *statements: str) -> None:
        """Change the demo database as somebody upstream would."""
        with closing(sqlite3.connect(self.settings.embedded_database)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def play(self, matches: int, model: GameModel | None = None) -> None:
        """The demos of the day come in."""
        path, teams = self.settings.embedded_database, self.teams
        append_days(path, first_day=self.day, matches=matches, teams=teams, model=model)

    def pass_a_day(self, *, night: bool) -> None:
        """All ticks until the next morning. `night`: whether the nightly training is looked at."""
        self._until_quiet("new_demos", new_demos)
        self._tick_conditions()
        self._until_quiet("enough_new_rounds", enough_new_rounds)
        if night:
            self._tick_nightly()
        self._look()
        self._until_quiet("retrain_on_drift", retrain_on_drift)
        self._until_quiet("abandoned_runs", abandoned_runs)
        self.day += timedelta(days=1)

    def tell(self, text: str) -> None:
        self.story.append((self.day, text))
        print(f"{self.day:%b %d}  {text}", flush=True)

    def told(self) -> str:
        """The log of what happened, a line each."""
        return "\n".join(f"{day:%b %d}  {text}" for day, text in self.story)

    def champion(self) -> str:
        found = self.platform.models.champion(catalog.ROUND.name)
        return found.version if found is not None else ""

    def run(self, job: str, tags: dict[str, str] | None = None) -> dg.ExecuteInProcessResult:
        """A run of a job; the failure sensor looks up after a failure."""
        definition = self.definitions.resolve_job_def(job)
        result = definition.execute_in_process(instance=self.instance, tags=tags, raise_on_error=False)
        if not result.success:
            self._tell_failures()
        self._tell_decisions()
        return result

    def _until_quiet(self, name: str, sensor: Any) -> None:
        for _ in range(MOST_TICKS):
            with dg.build_sensor_context(
                self.instance,
                cursor=self._cursors.get(name),
                resources={"platform": self.platform},
                sensor_name=name,
            ) as context:
                answer = sensor(context)
                self._cursors[name] = context.cursor
            if isinstance(answer, dg.SensorResult):
                requests = list(answer.run_requests or [])
                self._cursors[name] = answer.cursor if answer.cursor is not None else self._cursors.get(name)
            else:
                requests = [answer] if isinstance(answer, dg.RunRequest) else []
            used = {request.run_key for _, request in self.asked[name]}
            fresh = [request for request in requests if request.run_key not in used]
            if not fresh:
                return
            for request in fresh:
                self.asked[name].append((self.day, request))
                self.run(sensor.job_name, dict(request.tags))
        raise AssertionError(f"{name} asks for ever\n{self.told()}")

    def _tell_failures(self) -> None:
        with dg.build_sensor_context(
            self.instance,
            cursor=self._cursors.get("failed_runs"),
            resources={"platform": self.platform},
            sensor_name="failed_runs",
        ) as context:
            failed_runs.evaluate_tick(context)
            self._cursors["failed_runs"] = context.cursor

    def _tick_conditions(self) -> None:
        for _ in range(MOST_TICKS):
            found = dg.evaluate_automation_conditions(
                self.definitions,
                self.instance,
                asset_selection=dg.AssetSelection.assets(*conditions()),
                cursor=self._conditions,
            )
            self._conditions = found.cursor
            wanted = [dg.AssetKey(name) for name in conditions() if found.get_num_requested(dg.AssetKey(name))]
            if not wanted:
                return
            job = self.definitions.resolve_implicit_global_asset_job_def()
            result = job.execute_in_process(instance=self.instance, asset_selection=wanted, raise_on_error=False)
            if not result.success:
                self._tell_failures()
        raise AssertionError(f"the conditions ask for ever\n{self.told()}")

    def _tick_nightly(self) -> None:
        at = datetime.combine(self.day + timedelta(days=1), time(4))
        with dg.build_schedule_context(self.instance, scheduled_execution_time=at) as context:
            if isinstance(nightly_training(context), dg.RunRequest):
                self.run(jobs.TRAIN_ALL)

    def _look(self) -> None:
        at = datetime.combine(self.day + timedelta(days=1), time(5, 30))
        with dg.build_schedule_context(self.instance, scheduled_execution_time=at) as context:
            assert daily_monitoring.evaluate_tick(context).run_requests
        assert self.run(LOOK).success
        for kind, alarm in monitoring.alarms_of(latest(self.platform, catalog.ROUND)).items():
            key = f"{self.champion()} {kind}"
            if key not in self._alarms_told:
                self._alarms_told.add(key)
                self.tell(f"alarm of {kind} for champion {self.champion()}: {alarm['sentence']}")

    def _tell_decisions(self) -> None:
        for name in catalog.names():
            events = promotion.history(self.registry, name)
            for event in events[self._events_told[name] :]:
                self.tell(f"{name} version {event.version} {event.action}: {event.reason}")
            self._events_told[name] = len(events)
