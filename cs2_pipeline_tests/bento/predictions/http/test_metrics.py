"""What the service counts: buckets that dashboards read, versions, and how old they are."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from bento.predictions.http import metrics
from cs2_pipeline.artifact.cache import ModelVersion


def version(name, trained_at):
    return ModelVersion(name, "7", "a run", trained_at, "", "", "", "", {}, {})


def test_latencies_are_counted_in_steps_of_about_two_from_a_tenth_of_a_millisecond_to_seconds():
    *bounds, rest = metrics.LATENCY._upper_bounds
    assert (bounds[0], bounds[-1], rest) == (0.0001, 2.5, float("inf"))
    assert all(1.9 < upper / lower < 2.6 for lower, upper in pairwise(bounds))


def test_the_age_of_a_version_counts_from_its_training_where_that_is_known():
    now = datetime.now(UTC)
    trained = {
        "in_utc": now - timedelta(hours=1),
        "elsewhere": (now - timedelta(hours=2)).astimezone(timezone(timedelta(hours=9))),
        "without_zone": (now - timedelta(hours=3)).replace(tzinfo=None),
    }
    told = metrics.render([version(name, f"{at}") for name, at in trained.items()] + [version("unknown", "")]).decode()
    ages = {
        line.split('"')[1]: float(line.split()[-1])
        for line in told.splitlines()
        if line.startswith("model_age_seconds{")
    }
    assert ages == pytest.approx({"in_utc": 3600, "elsewhere": 7200, "without_zone": 10_800}, abs=1800)
    for name in (*trained, "unknown"):
        assert f'model_info{{name="{name}",run_id="a run",version="7"}} 1.0' in told


def test_counts_of_reloads_begin_at_nought():
    metrics.count_reloads_of(["never loaded"])
    told = metrics.render([]).decode()
    for result in ("loaded", "refused"):
        assert f'model_reloads_total{{name="never loaded",result="{result}"}} 0.0' in told


def test_the_counts_of_several_workers_are_added_up(tmp_path, monkeypatch):
    for worker, count in ((1, 2.0), (2, 5.0)):
        kept = MmapedDict(f"{tmp_path / f'counter_{worker}.db'}")
        kept.write_value(mmap_key("asked_total", "asked_total", [], [], "How often"), count, 0.0)
        kept.close()
    assert b"asked_total" not in metrics.render([])
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    told = metrics.render([version("m", "")])
    assert b"\nasked_total 7.0\n" in told and b'model_info{name="m"' in told
