"""What the service counts, for Prometheus. Counters and the histogram are sums over all workers.

Names are agreed with dashboards and alert rules. `model_info` and `model_age_seconds` describe the worker that
answers the scrape; all workers follow the same champions.
"""

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from cs2_pipeline.artifact.cache import ModelVersion

PREDICTIONS = Counter("predictions_total", "Predictions answered, one for each state or player", ["model_type"])
LATENCY = Histogram(
    "prediction_latency_seconds",
    "From the request's arrival in the worker to its answer, one for each request",
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)
ERRORS = Counter("prediction_errors_total", "Requests that got no prediction", ["reason"])
RELOADS = Counter(
    "model_reloads_total", "Model versions taken up (loaded) or turned down (refused)", ["name", "result"]
)


def count_reloads_of(names: Iterable[str]) -> None:
    """Begin the models' counts at 0: Prometheus sees no increase in a series that begins with 1."""
    for name in names:
        for result in ("loaded", "refused"):
            RELOADS.labels(name, result)


def render(versions: Iterable[ModelVersion]) -> bytes:
    """All metrics as Prometheus text."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry = REGISTRY
    models = CollectorRegistry()
    models.register(_Models(versions))
    return generate_latest(registry) + generate_latest(models)


class _Models(Collector):
    def __init__(self, versions: Iterable[ModelVersion]) -> None:
        self._versions = list(versions)

    def collect(self) -> Iterator[Metric]:
        info = GaugeMetricFamily("model_info", "The version being served", labels=["name", "version", "run_id"])
        age = GaugeMetricFamily("model_age_seconds", "Since the version being served was trained", labels=["name"])
        for version in self._versions:
            info.add_metric([version.name, version.version, version.run_id], 1)
            if (seconds := _age(version.trained_at)) is not None:
                age.add_metric([version.name], seconds)
        yield info
        yield age


def _age(trained_at: str) -> float | None:
    try:
        trained = datetime.fromisoformat(trained_at)
    except ValueError:
        return None
    return (datetime.now(UTC) - (trained if trained.tzinfo else trained.replace(tzinfo=UTC))).total_seconds()
