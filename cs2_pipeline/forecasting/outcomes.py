"""Settled forecasts as a table: what people were told beside what happened, for monitoring and for learning from."""

from collections.abc import Iterable

import pandas as pd

from cs2_pipeline.datasets.schema import FORECAST_SETTLEMENTS
from cs2_pipeline.records.settlements import LOST, WON, Settled


def table(history: Iterable[Settled]) -> pd.DataFrame:
    """The forecasts that were won or lost, in the ledger's order; others have no outcome to learn from.

    Returns:
        `FORECAST_SETTLEMENTS`; no rows where nothing is settled.
    """
    rows = []
    for one in history:
        if one.settlement is None or one.settlement.status not in (WON, LOST):
            continue
        told = one.forecast.content
        rows.append(
            {
                "forecast_id": one.forecast.id,
                "seq": one.forecast.seq,
                "asked_at": one.forecast.at,
                "settled_at": one.settlement.at,
                "kind": one.forecast.kind,
                "model_version": str(told["model_version"]),
                "result_id": one.settlement.result_id,
                "team1_id": told["team1_id"],
                "team2_id": told["team2_id"],
                "probability": float(told["probability"]),
                "low": float(told["interval"][0]),
                "high": float(told["interval"][1]),
                "team1_wins": int(one.settlement.status == WON),
            }
        )
    return FORECAST_SETTLEMENTS.conform(pd.DataFrame(rows)) if rows else FORECAST_SETTLEMENTS.empty()
