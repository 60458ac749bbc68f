"""Dashboards and alert rules ask for metrics that exist; the rules ring when they should."""

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

import bento.gateway.app  # noqa: F401  its metrics exist once it is imported
from bento.predictions.http import metrics as service_metrics
from cs2_pipeline.defs.definitions import assemble
from cs2_pipeline.defs.exporter import ChampionCollector, DagsterCollector
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.deploy.compose import ROOT
from cs2_pipeline_tests.deploy.queries import DASHBOARDS, PROMETHEUS, queries, rules, series_of

PROMETHEUS_ITSELF = {"up", "ALERTS"}
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


@cache
def existing() -> frozenset[str]:
    """Names of the series that the services and the exporter really give."""
    with dg.DagsterInstance.ephemeral() as instance, TemporaryDirectory() as home:
        families = [*service_metrics_families(), *DagsterCollector(instance, []).collect()]
        families += ChampionCollector(Platform(Settings(home=Path(home))), names=[]).collect()
    return frozenset(family.name + suffix for family in families for suffix in SUFFIXES.get(family.type, ()))


def service_metrics_families() -> list[Any]:
    return list(text_string_to_metric_families(service_metrics.render([]).decode()))


@pytest.mark.parametrize(("place", "query"), queries(), ids=[place for place, _ in queries()])
def test_a_query_asks_for_series_that_exist(place: str, query: str) -> None:
    names = series_of(query)
    assert names, f"{place} asks for nothing"
    assert names <= existing() | PROMETHEUS_ITSELF


def test_a_query_for_a_series_that_does_not_exist_would_be_found() -> None:
    assert series_of('sum by (reason) (rate(no_such_total{job="a"}[5m])) > 0.1') == {"no_such_total"}
    assert "no_such_total" not in existing()


def test_the_series_are_those_that_other_programs_rely_on() -> None:
    agreed = {"predictions_total", "prediction_latency_seconds_bucket", "prediction_errors_total", "model_info"}
    assert agreed | {"model_age_seconds", "model_reloads_total"} <= existing()


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.name)
def test_a_dashboard_has_a_fixed_id_and_no_panel_on_another(path: Path) -> None:
    board = json.loads(path.read_text())
    assert board["uid"].startswith("cs2-")
    places = [panel["gridPos"] for panel in board["panels"]]
    cells = [(x, y) for place in places for x in range(place["x"], place["x"] + place["w"])
             for y in range(place["y"], place["y"] + place["h"])]  # fmt: skip
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert {panel["datasource"]["uid"] for panel in board["panels"]} == {"prometheus"}


def test_every_alert_is_explained_in_the_operations_guide() -> None:
    guide = (ROOT / "docs" / "operations.md").read_text()
    explained = re.findall(r"^### (\w+)\n(.+)", guide.split("## Alerts")[1].split("\n## ")[0], flags=re.MULTILINE)
    assert [name for name, _ in explained] == [rule["alert"] for rule in rules()]
    for rule in rules():
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"


def test_of_every_alert_it_is_tested_when_it_rings_and_when_it_does_not() -> None:
    tests = yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text())["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    for rule in rules():
        outcomes = {bool(case["exp_alerts"]) for case in cases if case["alertname"] == rule["alert"]}
        assert outcomes == {True, False}, rule["alert"]


def test_a_rule_names_checks_and_assets_that_exist(tmp_path: Path) -> None:
    graph = assemble(Settings(home=tmp_path)).resolve_asset_graph()
    checks = {key.name for key in graph.asset_check_keys}
    assets = {key.to_user_string() for key in graph.get_all_asset_keys()}
    asked = {rule["alert"]: dict(re.findall(r'(\w+)=~"([^"]+)"', rule["expr"])) for rule in rules()}
    exact = {rule["alert"]: rule["expr"] for rule in rules()}
    excluded = re.search(r'check!~"([^"]+)"', exact["CheckFails"])[1]
    alarms = {name for name in checks if re.fullmatch(asked["CalibrationAlarm"]["check"], name)}
    assert alarms == {"live_calibration", "input_drift"}
    assert {"ledger_chain"} == {name for name in checks if f'check="{name}"' in exact["LedgerBroken"]}
    assert {name for name in checks if re.fullmatch(excluded, name)} == alarms | {"ledger_chain"}
    assert set(asked["StaleData"]["asset"].split("|")) <= assets


@needs_promtool
def test_the_alert_rules_ring_when_they_should_and_not_otherwise() -> None:
    done = promtool("test", "rules", str(PROMETHEUS / "alerts_test.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_prometheus_accepts_its_configuration() -> None:
    done = promtool("check", "config", str(PROMETHEUS / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_prometheus_accepts_every_query_of_the_dashboards(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": query} for number, (_, query) in enumerate(queries())]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = promtool("check", "rules", str(tmp_path / "rules.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], check=False, capture_output=True, text=True, timeout=600)
