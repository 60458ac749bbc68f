"""What Prometheus sees: labels that no stranger can multiply."""

import pytest
from prometheus_client import REGISTRY

from cs2_pipeline.live import metrics


@pytest.mark.parametrize(("kind", "label"), [("kill", "kill"), ("made up", "unknown"), ("", "unknown")])
def test_a_type_that_is_not_known_is_none_of_its_own(kind, label):
    assert metrics.type_label(kind) == label


def test_so_many_sources_have_a_label_of_their_own(monkeypatch):
    monkeypatch.setattr(metrics, "_SOURCES", set())
    first = [f"source {number}" for number in range(50)]
    assert [metrics.source_label(one) for one in first] == first
    assert metrics.source_label("one more") == "other"
    assert metrics.source_label("source 49") == "source 49", "who has one keeps it"


@pytest.mark.parametrize(
    ("name", "labels"),
    [("dead_letters_total", {"reason": "invalid"}), ("dead_letters_total", {"reason": "not understood"}),
     ("error_total", {"service": "live"})],
)  # fmt: skip
def test_a_series_is_there_before_anything_went_wrong(name, labels):
    assert REGISTRY.get_sample_value(name, labels) is not None


@pytest.mark.parametrize("name", ["ingestion_latency_seconds", "live_event_to_price_seconds"])
def test_times_are_told_from_a_millisecond_to_ten_seconds(name):
    bounds = [sample.labels["le"] for metric in REGISTRY.collect() if metric.name == name
              for sample in metric.samples if sample.name.endswith("_bucket")]  # fmt: skip
    assert bounds == [
        "0.001", "0.0025", "0.005", "0.01", "0.02", "0.035", "0.05", "0.075", "0.1", "0.15", "0.25", "0.5", "1.0",
        "2.5", "5.0", "10.0", "+Inf",
    ]  # fmt: skip


def test_two_series_add_up_over_processes_and_a_depth_does_not():
    modes = {name: getattr(metrics, name)._multiprocess_mode for name in ("DEPTH", "MATCHES", "SUBSCRIBERS")}
    assert modes == {"DEPTH": "livemax", "MATCHES": "livesum", "SUBSCRIBERS": "livesum"}
