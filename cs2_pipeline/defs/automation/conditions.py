"""Declarative conditions and freshness policies of assets, each written once, and the sensor that evaluates them."""

from collections.abc import Iterable
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any, Final

import dagster as dg

from cs2_pipeline.defs.verdicts import DAILY_TABLES

EXTRACTED: Final = dg.AssetSelection.assets("player_match_stats", "round_snapshots")
"""The tables of the demo database that training tables are built from. The public file is not among them: a
dataset is built from it when somebody asks for that."""


def upstream_changed_and_checked() -> dg.AutomationCondition[dg.AssetKey]:
    """Fires when an extracted table upstream was written since the asset was last asked for, and its checks passed.

    It waits while an extraction is under way (a day counts only when all of its tables were checked), while the asset
    itself is being made, and while the latest blocking check of an upstream table has failed; the change is remembered
    until it can fire. Being asked for is what ends it: an asset that fails is not asked for again before something
    upstream changes anew.
    """
    condition = dg.AutomationCondition
    changed = condition.any_deps_updated().allow(EXTRACTED)
    handled = condition.newly_requested() | condition.newly_updated() | condition.initial_evaluation()
    checked = condition.all_deps_blocking_checks_passed().allow(EXTRACTED)
    busy = condition.in_progress() | _extracting()
    return (changed.since(handled) & checked & ~busy).with_label("upstream changed and its blocking checks passed")


def _extracting() -> dg.AutomationCondition[dg.AssetKey]:
    """A daily table or one of its blocking checks has yet to run in a run that is under way."""
    condition = dg.AutomationCondition
    unfinished = [
        found
        for table in DAILY_TABLES
        for found in (
            condition.asset_matches(table, condition.in_progress()),
            condition.asset_matches(table, condition.any_checks_match(condition.in_progress(), blocking_only=True)),
        )
    ]
    return reduce(or_, unfinished).with_label("an extraction is under way")


CONDITIONS: Final = {name: upstream_changed_and_checked() for name in ("players", "player_dataset", "round_dataset")}
"""Condition by asset."""

FRESHNESS: Final = {
    name: dg.FreshnessPolicy.time_window(warn_window=timedelta(days=2), fail_window=timedelta(days=7))
    for name in ("rounds", "player_match_stats", "round_snapshots", "round_dataset", "player_dataset")
} | {
    name: dg.FreshnessPolicy.time_window(warn_window=timedelta(days=7), fail_window=timedelta(days=30))
    for name in ("round_predictor", "player_classifier")
}
"""Freshness by asset. Tables change when demos come, models when there is something new to learn from: a quiet
weekend is no alarm, a quiet week is one."""


def applied(assets: Iterable[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The assets with their conditions and freshness policies."""
    return list(dg.map_asset_specs(_with_attributes, assets))


def sensor() -> dg.AutomationConditionSensorDefinition:
    """Evaluates the conditions; the tick shows for each asset which part held."""
    return dg.AutomationConditionSensorDefinition(
        "changed_tables",
        target=dg.AssetSelection.assets(*CONDITIONS),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        description="Builds careers and datasets anew when the tables they are made of changed and passed.",
    )


def _with_attributes(spec: dg.AssetSpec) -> dg.AssetSpec:
    name = spec.key.to_user_string()
    given: dict[str, Any] = {}
    if name in CONDITIONS:
        given["automation_condition"] = CONDITIONS[name]
    if name in FRESHNESS:
        given["freshness_policy"] = FRESHNESS[name]
    return spec.replace_attributes(**given) if given else spec
