"""What the dashboards and the alert rules ask Prometheus for."""

import json
import re
from pathlib import Path

import yaml

from cs2_pipeline_tests.deploy.compose import ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
WORDS = {
    "sum", "max", "min", "count",
    "by", "on", "without", "ignoring", "unless", "and", "or", "bool", "group_left", "group_right", "offset",
    "le", "name", "version", "run_id", "job", "dagster_job", "status", "asset", "check", "reason", "model_type",
    "result", "action", "alertname", "severity",
}  # fmt: skip


def rules() -> list[dict]:
    """The alert rules."""
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def live_rules() -> set[str]:
    """Names of the rules about the gateway and the live feed."""
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    return {rule["alert"] for group in groups if group["name"] == "live" for rule in group["rules"]}


def queries() -> list[tuple[str, str]]:
    """Every query of every dashboard and rule, with where it stands."""
    found = []
    for path in DASHBOARDS:
        for panel in json.loads(Path(path).read_text())["panels"]:
            found += [(f"{path.name}: {panel['title']}", target["expr"]) for target in panel["targets"]]
    return found + [(f"alerts.yml: {rule['alert']}", rule["expr"]) for rule in rules()]


def series_of(query: str) -> set[str]:
    """The names of the series a query asks for: what is left without labels, ranges, functions and key words."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\"[^\"]*\"|\b(?:by|on|without)\s*\([^)]*\)", " ", query)
    words = set(re.findall(r"\b[a-zA-Z_:][\w:]*\b(?!\s*\()", bare))
    return words - WORDS


def selectors_of(query: str) -> set[str]:
    """The series a query asks for, with the labels it asks them to have."""
    names = "|".join(sorted(series_of(query), key=len, reverse=True))
    bare = re.sub(r"\[[^]]*\]|\b(?:by|on)\s*\([^)]*\)", " ", query)
    return set(re.findall(rf"\b(?:{names})\b(?:\{{[^}}]*\}})?", bare))


def labels_grouped_by(query: str) -> set[str]:
    """The labels that a query sums or joins by."""
    lists = re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", query)
    return {label.strip() for listed in lists for label in listed.split(",") if label.strip()}
