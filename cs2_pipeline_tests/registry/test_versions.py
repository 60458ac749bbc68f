"""What MLflow's tags and metrics mean."""

import json

from cs2_pipeline.registry.versions import Event, decisions, described


def test_a_version_is_described_by_its_tags_and_the_held_out_metrics_of_its_run():
    tags = {
        "trained_at": "2026-01-01", "promoted_at": "2026-01-02", "dataset_digest": "d", "source_watermark": "demo 7",
        "manifest_sha256": "abc", "intervals": json.dumps({"test_auc": [0.7, 0.9]}),
    }  # fmt: skip
    found = described("m", "3", "run", tags, {"test_auc": 0.8, "baseline_auc": 0.6, "auc_test_": 1.0})
    assert found.metrics == {"test_auc": 0.8, "test_auc_low": 0.7, "test_auc_high": 0.9}
    assert (found.name, found.version, found.run_id, found.trained_at) == ("m", "3", "run", "2026-01-01")
    assert (found.promoted_at, found.dataset_digest) == ("2026-01-02", "d")
    assert (found.source_watermark, found.digest, found.tags) == ("demo 7", "abc", tags)


def test_a_version_without_tags_has_empty_ones():
    found = described("m", "3", "run", {}, {})
    assert {found.trained_at, found.promoted_at, found.dataset_digest, found.source_watermark, found.digest} == {""}
    assert found.metrics == {}


def test_decisions_are_in_the_order_they_were_taken_and_other_tags_are_none():
    first = {
        "at": "2026-01-01T00:00:00Z",
        "action": "promoted",
        "version": "1",
        "former": None,
        "by": "a",
        "reason": "r",
    }
    second = first | {"at": "2026-02-01T00:00:00Z", "action": "refused", "version": "2", "former": "1"}
    tags = {"event.b": json.dumps(second), "event.a": json.dumps(first), "note": "x", "my event.": "y"}
    assert decisions(tags) == [Event(**first), Event(**second)]
    assert decisions(dict(reversed(tags.items()))) == [Event(**first), Event(**second)]
