"""From rows of history to the bodies of answers; shared by REST and GraphQL."""

import time
from typing import Any, Final

import msgspec

from bento.gateway.live.views import MatchListed, MatchView, Prediction, RoundView, Row, TeamView
from cs2_pipeline.live import board
from cs2_pipeline.live.consumer import QUIET, VOID
from cs2_pipeline.live.pricing import Price

PRICE_FIELDS: Final = [field.name for field in msgspec.structs.fields(Price)]


def listed(row: Row) -> MatchListed:
    """A match in a list."""
    return MatchListed(**_listed(row))


def match_view(row: Row, price: dict[str, Any] | None) -> MatchView:
    """A match with its last price."""
    summary = msgspec.json.decode(row["summary"])
    return MatchView(
        **_listed(row), **summary, state_version=row["state_version"], state=row["state"],
        prediction=Prediction(**price) if price else None,
    )  # fmt: skip


def prediction(row: Row) -> Prediction:
    """A price."""
    return Prediction(**board.prediction(Price(**{name: row[name] for name in PRICE_FIELDS})))


def standing(rows: list[Row]) -> list[Row]:
    """Of all prices those that were not replaced or withdrawn."""
    replaced = {row["supersedes"] for row in rows}
    return [row for row in rows if row["price_id"] not in replaced and row["trigger"] != VOID]


def round_view(row: Row) -> RoundView:
    """A finished round."""
    return RoundView(**{name: row[name] for name in RoundView.model_fields})


def _listed(row: Row) -> dict[str, Any]:
    teams = {
        f"team_{team}": TeamView(
            id=row[f"team_{team}_id"], name=row[f"team_{team}_name"], maps=row[f"team_{team}_maps"]
        )
        for team in "ab"
    }
    stale = row["status"] == "LIVE" and time.time() - row["updated"] > QUIET
    names = ("match_id", "status", "tournament", "format", "winner", "began", "updated")
    return {name: row[name] for name in names} | teams | {"stale": stale}
