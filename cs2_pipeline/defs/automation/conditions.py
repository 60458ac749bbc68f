"""Declarative conditions and freshness policies of assets, each written once, and the sensor that evaluates them."""

from collections.abc import Iterable
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any, Final

import dagster as dg

from cs2_pipeline.artifact import catalog
from cs2_pipeline.defs.assets.forecasts import DIRECTORIES, SETTLEMENTS
from cs2_pipeline.defs.verdicts import DAILY_TABLES

EXTRACTED: Final = dg.AssetSelection.assets("player_match_stats", "round_snapshots", "matches")
"""The tables of the demo database that training tables are built from. The public file is not among them: a
dataset is built from it when somebody asks for that."""


def upstream_changed_and_checked() -> dg.AutomationCondition[dg.AssetKey]:
    """Fires when an extracted table upstream was written since the asset was last asked for, and its checks passed.

    It waits while an extraction is under way (a day counts only when all of its tables were checked), while the asset
    itself is being made, and while the latest blocking check of an upstream table has failed; the change is remembered
    until it can fire. Being asked for is what ends it, and nothing else: an asset that fails is not asked for again
    before something upstream changes anew. That somebody else built the asset meanwhile ends nothing, for the build may
    have begun before the change. A change seen in the very tick that follows a request came after the request: it is
    remembered, since the requested run may have read its tables before.
    """
    condition = dg.AutomationCondition
    changed = condition.any_deps_updated().allow(EXTRACTED)
    handled = (condition.newly_requested() & ~changed) | condition.initial_evaluation()
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


def conditions() -> dict[str, dg.AutomationCondition[dg.AssetKey]]:
    """Condition by asset: all that is built from extracted tables before a training, and what forecasts need."""
    built = {name for spec in catalog.MODELS for name in (*spec.built_first, spec.dataset)}
    waiting = {name: upstream_changed_and_checked() for name in built | {SETTLEMENTS}}
    return {**waiting, DIRECTORIES: _eager_needing(catalog.MATCH.dataset)}


def _eager_needing(needed: str) -> dg.AutomationCondition[dg.AssetKey]:
    """Eager, where only one of the tables upstream has to be there: the others are told of where they are."""
    missing = dg.AutomationCondition.any_deps_missing()
    eager: Any = dg.AutomationCondition.eager()
    found: dg.AutomationCondition[dg.AssetKey] = eager.replace(missing, missing.allow(dg.AssetSelection.assets(needed)))
    return found


def freshness() -> dict[str, dg.FreshnessPolicy]:
    """Freshness by asset.

    Tables change when demos come, models when there is something new to learn from: a quiet weekend is no alarm, a
    quiet week is one.
    """
    tables = dg.FreshnessPolicy.time_window(warn_window=timedelta(days=2), fail_window=timedelta(days=7))
    models = dg.FreshnessPolicy.time_window(warn_window=timedelta(days=7), fail_window=timedelta(days=30))
    return {
        **dict.fromkeys((*DAILY_TABLES, *(spec.dataset for spec in catalog.MODELS)), tables),
        **dict.fromkeys(catalog.names(), models),
    }


def applied(assets: Iterable[dg.AssetsDefinition | dg.AssetSpec]) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The assets with their conditions and freshness policies."""
    by_condition, by_freshness = conditions(), freshness()

    def with_attributes(spec: dg.AssetSpec) -> dg.AssetSpec:
        name = spec.key.to_user_string()
        given: dict[str, Any] = {}
        if name in by_condition:
            given["automation_condition"] = by_condition[name]
        if name in by_freshness:
            given["freshness_policy"] = by_freshness[name]
        return spec.replace_attributes(**given) if given else spec

    return list(dg.map_asset_specs(with_attributes, assets))


def sensor() -> dg.AutomationConditionSensorDefinition:
    """Evaluates the conditions; the tick shows for each asset which part held."""
    return dg.AutomationConditionSensorDefinition(
        "changed_tables",
        target=dg.AssetSelection.assets(*conditions()),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        description="Rebuilds careers and datasets when their source tables have changed and passed their checks.",
    )
