"""Everything Dagster knows of the platform, put together from its parts."""

import warnings

import dagster as dg

from cs2_pipeline.defs import jobs, resources, rollback
from cs2_pipeline.defs.assets import (
    coaching,
    datasets,
    extraction,
    forecasts,
    impact,
    live,
    models,
    monitoring,
    reports,
    rocket_league,
)
from cs2_pipeline.defs.automation import conditions
from cs2_pipeline.defs.automation.abandoned import abandoned_runs
from cs2_pipeline.defs.automation.failures import failed_runs
from cs2_pipeline.defs.automation.live import nightly_live_matches
from cs2_pipeline.defs.automation.new_demos import new_demos
from cs2_pipeline.defs.automation.new_exports import ingest_exports_job, new_exports
from cs2_pipeline.defs.automation.new_uploads import new_games, new_uploads, read_uploads_job
from cs2_pipeline.defs.automation.promotions import announced_promotions
from cs2_pipeline.defs.automation.retrain_on_drift import retrain_match_on_alarm, retrain_on_drift
from cs2_pipeline.defs.automation.training import enough_new_rounds, nightly_training
from cs2_pipeline.defs.checks import expectations, laws, leakage
from cs2_pipeline.defs.checks import monitoring as alarms
from cs2_pipeline.defs.partitions import match_days, with_first_day
from cs2_pipeline.settings import Settings


def assemble(settings: Settings) -> dg.Definitions:
    """Definitions for the given settings; nothing is opened or connected yet."""
    # Backfill policies are beta, and used knowingly; said once for each asset in each process, it hides what matters.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        return _assembled(settings)


def _assembled(settings: Settings) -> dg.Definitions:
    settings = with_first_day(settings)
    days = match_days(settings.first_day)
    assets = [
        *extraction.build(days),
        expectations.data_docs_asset(),
        *datasets.build(),
        *models.build(),
        *monitoring.build(),
        *impact.build(),
        *rocket_league.build(),
        *reports.build(),
        *forecasts.build(),
        *live.build(),
        *coaching.build(days),
    ]
    return dg.Definitions(
        assets=conditions.applied(assets),
        asset_checks=[
            *expectations.build(),
            *leakage.build(),
            *laws.build(),
            *alarms.build(),
            *coaching.checks(),
            forecasts.ledger_chain,
        ],
        jobs=[
            *jobs.build(),
            monitoring.job(),
            impact.job(),
            rocket_league.job(),
            forecasts.job(),
            *rollback.build(),
            ingest_exports_job,
            read_uploads_job,
        ],
        schedules=[
            nightly_training,
            nightly_live_matches,
            monitoring.daily_monitoring,
            impact.daily_pricing,
            rocket_league.daily_rocket_league,
            forecasts.daily_settlement,
            coaching.daily_cards,
        ],
        sensors=[
            new_demos,
            new_exports,
            new_uploads,
            new_games,
            conditions.sensor(),
            enough_new_rounds,
            retrain_on_drift,
            retrain_match_on_alarm,
            abandoned_runs,
            failed_runs,
            announced_promotions,
        ],
        resources=resources.build(settings),
    )
