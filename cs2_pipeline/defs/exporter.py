"""Prometheus metrics of the pipeline: what runs, assets, checks, daemons and champions are like now.

``python -m cs2_pipeline.defs.exporter`` answers ``/metrics``. Dagster's instance and MLflow are read when asked, so
nothing is kept here and a restart loses nothing. A source that does not answer is `pipeline_<source>_up` 0 and its
metrics are absent: never old numbers that look like new ones.
"""

import argparse
import logging
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cs2_pipeline import settings as settings_module
from cs2_pipeline.artifact import catalog
from cs2_pipeline.defs.definitions import assemble
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.registry import promotion

logger = logging.getLogger(__name__)

COUNTED: Final = timedelta(hours=24)
REMEMBERED: Final = timedelta(days=31)
"""How far back the last end of a job is looked for."""
MOST_RUNS: Final = 2000
_ENDED: Final = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
_UNFINISHED: Final = dg.RunsFilter(
    statuses=[status for status in dg.DagsterRunStatus if status not in (*_ENDED, dg.DagsterRunStatus.MANAGED)]
)
_COUNTS: Final = {"rows": "dagster/row_count", "left_out_rows": "left_out_total", "refused_rows": "refused_rows"}
"""Metric's ending → metadata key of a materialisation."""


class DagsterCollector(Collector):
    """What Dagster's instance says.

    Args:
        instance: the instance.
        checks: the asset checks to report.
    """

    def __init__(self, instance: dg.DagsterInstance, checks: Iterable[dg.AssetCheckKey]) -> None:
        self._instance = instance
        self._checks = list(checks)

    def collect(self) -> Iterator[Metric]:
        """All families, or `pipeline_dagster_up` 0 alone."""
        yield from _guarded("dagster", lambda: [*self._runs(), *self._assets(), self._evaluations(), self._daemons()])

    def _runs(self) -> Iterator[Metric]:
        now = datetime.now(UTC)
        since = dg.RunsFilter(created_after=now - REMEMBERED)
        records = self._instance.get_run_records(since, limit=MOST_RUNS)
        recent = [record for record in records if record.create_timestamp.replace(tzinfo=UTC) > now - COUNTED]
        runs = GaugeMetricFamily("pipeline_runs", "Runs created in the last 24 hours", labels=["dagster_job", "status"])
        counted = Counter((record.dagster_run.job_name, record.dagster_run.status.value) for record in recent)
        for labels, number in counted.items():
            runs.add_metric(labels, number)
        yield runs
        last = GaugeMetricFamily(
            "pipeline_run_ended_timestamp_seconds",
            "End of a job's newest run by its result",
            labels=["dagster_job", "status"],
        )
        ended: dict[tuple[str, str], float] = {}
        for record in records:
            if record.dagster_run.status in _ENDED and record.end_time is not None:
                labels = (record.dagster_run.job_name, record.dagster_run.status.value)
                ended[labels] = max(ended.get(labels, 0.0), record.end_time)
        for labels, timestamp in ended.items():
            last.add_metric(labels, timestamp)
        yield last
        waiting = GaugeMetricFamily("pipeline_runs_unfinished", "Runs that wait or work, of any age")
        waiting.add_metric([], self._instance.get_runs_count(_UNFINISHED))
        yield waiting
        oldest = GaugeMetricFamily(
            "pipeline_oldest_unfinished_run_timestamp_seconds", "When the oldest run that waits or works was created"
        )
        for record in self._instance.get_run_records(_UNFINISHED, limit=1, ascending=True):
            oldest.add_metric([], record.create_timestamp.replace(tzinfo=UTC).timestamp())
        yield oldest

    def _assets(self) -> Iterator[Metric]:
        when = GaugeMetricFamily(
            "pipeline_asset_materialized_timestamp_seconds", "An asset's newest materialisation", labels=["asset"]
        )
        counts = {
            ending: GaugeMetricFamily(
                f"pipeline_asset_{ending}", f"{key} of an asset's newest materialisation", labels=["asset"]
            )
            for ending, key in _COUNTS.items()
        }
        for record in self._instance.get_asset_records():
            event = record.asset_entry.last_materialization
            if event is None or event.asset_materialization is None:
                continue
            asset = record.asset_entry.asset_key.to_user_string()
            when.add_metric([asset], event.timestamp)
            metadata = event.asset_materialization.metadata
            for ending, key in _COUNTS.items():
                value = metadata[key].value if key in metadata else None
                if isinstance(value, int):
                    counts[ending].add_metric([asset], value)
        yield when
        yield from counts.values()

    def _evaluations(self) -> Metric:
        passed = GaugeMetricFamily(
            "pipeline_check_passed", "1 when a check's newest evaluation passed", labels=["asset", "check", "severity"]
        )
        for key in self._checks:
            record = self._instance.get_latest_asset_check_evaluation_record(key)
            event = record.event.dagster_event if record is not None and record.event is not None else None
            if event is None or event.event_type != dg.DagsterEventType.ASSET_CHECK_EVALUATION:
                continue
            evaluation = event.asset_check_evaluation_data
            labels = [key.asset_key.to_user_string(), key.name, evaluation.severity.value]
            passed.add_metric(labels, float(evaluation.passed))
        return passed

    def _daemons(self) -> Metric:
        healthy = GaugeMetricFamily("pipeline_daemon_healthy", "1 while a daemon's heart beats", labels=["daemon"])
        for name, status in self._instance.get_daemon_statuses().items():
            healthy.add_metric([name], float(bool(status.healthy)))
        return healthy


class ChampionCollector(Collector):
    """What MLflow says of the champions.

    Args:
        platform: where MLflow is.
        names: of registered models; default: all there are.
    """

    def __init__(self, platform: Platform, names: Iterable[str] = ()) -> None:
        self._platform = platform
        self._names = tuple(names) or catalog.names()

    def collect(self) -> Iterator[Metric]:
        """All families, or `pipeline_mlflow_up` 0 alone."""
        yield from _guarded("mlflow", self._champions)

    def _champions(self) -> list[Metric]:
        there = GaugeMetricFamily("champion_present", "1 when a model has a champion", labels=["name"])
        info = GaugeMetricFamily("champion_info", "The champion", labels=["name", "version", "run_id"])
        trained = GaugeMetricFamily("champion_trained_timestamp_seconds", "When it was trained", labels=["name"])
        promoted = GaugeMetricFamily("champion_promoted_timestamp_seconds", "When it was promoted", labels=["name"])
        metric = GaugeMetricFamily("champion_metric", "Its held-out figures", labels=["name", "metric"])
        decisions = GaugeMetricFamily("model_decisions", "Decisions about versions", labels=["name", "action"])
        for name in self._names:
            champion = self._platform.models.champion(name)
            there.add_metric([name], float(champion is not None))
            actions = Counter(event.action for event in promotion.history(self._platform.tracking_uri, name))
            for action, number in actions.items():
                decisions.add_metric([name, action], number)
            if champion is None:
                continue
            info.add_metric([name, champion.version, champion.run_id], 1)
            for family, text in ((trained, champion.trained_at), (promoted, champion.promoted_at)):
                if text:
                    family.add_metric([name], datetime.fromisoformat(text).timestamp())
            for key, value in champion.metrics.items():
                metric.add_metric([name, key], value)
        return [there, info, trained, promoted, metric, decisions]


def _guarded(source: str, read: Callable[[], list[Metric]]) -> Iterator[Metric]:
    up = GaugeMetricFamily(f"pipeline_{source}_up", f"1 when {source} could be read")
    try:
        families = read()
    except Exception as error:
        # One source away must not hide the other. The message may hold an address with a password: its kind alone.
        logger.error("%s cannot be read: %s", source, type(error).__name__)
        families = []
        up.add_metric([], 0)
    else:
        up.add_metric([], 1)
    yield up
    yield from families


def registry(instance: dg.DagsterInstance, platform: Platform) -> CollectorRegistry:
    """Everything that is exported."""
    checks = assemble(platform.settings).resolve_asset_graph().asset_check_keys
    found = CollectorRegistry(auto_describe=False)
    found.register(DagsterCollector(instance, checks))
    found.register(ChampionCollector(platform))
    return found


def main() -> None:
    """Serve ``/metrics`` until interrupted."""
    parser = argparse.ArgumentParser(description="Prometheus metrics of the pipeline.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9101)
    options = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    platform = Platform(settings_module.load())
    with dg.DagsterInstance.get() as instance:
        server, thread = start_http_server(options.port, options.host, registry(instance, platform))
        stop.wait()
        server.shutdown()
        server.server_close()
        thread.join()


if __name__ == "__main__":
    main()
