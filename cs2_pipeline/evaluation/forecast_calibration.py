"""Is the match model calibrated on the forecasts that were really given? The alarm of `live_calibration`, once a match.

Of each match the first forecast counts, seen from its favourite, whoever that was: *won − price* has mean zero in every
price range while the model is calibrated. Nothing is recomputed: prices are those in the ledger.
"""

from typing import Final

import numpy as np
import pandas as pd

from cs2_pipeline.artifact import catalog
from cs2_pipeline.evaluation.live_calibration import LOSS_BOUND, Claim, LiveCalibration, Matches, of_matches, range_of
from cs2_pipeline.stats.metrics import log_losses

FAVOURITES: Final = Claim(
    catalog.MATCH.requirements.max_gap, (0.5, 0.6, 0.7, 0.8, 1.0), most=1, winner="favourites", unit="matches"
)


def watch(settled: pd.DataFrame) -> LiveCalibration:
    """The calibration of forecasts that came out.

    Args:
        settled: `schema.FORECAST_SETTLEMENTS` of one version, at least one row, in any order.

    Raises:
        ValueError: no rows.
    """
    if settled.empty:
        raise ValueError("there are no settled forecasts to watch the champion on")
    matches = by_match(settled)
    return of_matches(matches, FAVOURITES, len(matches.started_at), since=matches.started_at[0].to_pydatetime())


def by_match(settled: pd.DataFrame) -> Matches:
    """The first forecast of each match from its favourite's side, in the order in which results came in."""
    first = settled.sort_values("seq").drop_duplicates(["kind", "result_id"])
    first = first.sort_values(["settled_at", "seq"])
    price = first["probability"].to_numpy(dtype=np.float64)
    won = first["team1_wins"].to_numpy(dtype=np.float64)
    turned = price < 0.5
    price, won = np.where(turned, 1 - price, price), np.where(turned, 1 - won, won)
    visits = (range_of(price, FAVOURITES)[:, None] == np.arange(len(FAVOURITES.ranges))).astype(np.float64)
    loss = np.minimum(log_losses(won, price), LOSS_BOUND)
    return Matches(pd.DatetimeIndex(first["settled_at"]), (won - price)[:, None] * visits, visits, loss)
