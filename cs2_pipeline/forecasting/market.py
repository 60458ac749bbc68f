"""The market beside a forecast: what a bookmaker's odds say once his margin is taken out.

Odds are given with a question or not at all. They are no input of the forecast; they stand in the forecast's entry of
the ledger, so that nobody can choose them after the result is known.
"""

from typing import Final

Odds = tuple[float, float]
"""Decimal odds of team 1 and team 2: what a stake of 1 returns."""

LOWEST_TOTAL: Final = 0.9
"""Shares of the best quotes of several bookmakers may add up to a little less than 1."""
HIGHEST_TOTAL: Final = 1.5
"""No bookmaker keeps a third of all stakes: larger totals are not the odds of one match."""


def total(odds: Odds) -> float:
    """The sum of both sides' shares: 1 and the margin."""
    return 1 / odds[0] + 1 / odds[1]


def probability(odds: Odds) -> float:
    """P(team 1 wins) as the market has it: the margin is taken from both sides in proportion."""
    return 1 / odds[0] / total(odds)


def mistake(odds: Odds) -> str | None:
    """What is wrong with odds, each above 1; None where they can be those of one match."""
    if LOWEST_TOTAL <= total(odds) <= HIGHEST_TOTAL:
        return None
    return (
        f"are not the odds of one match: 1/{odds[0]:g} and 1/{odds[1]:g} add up to {total(odds):.2f}, "
        f"outside {LOWEST_TOTAL:g} to {HIGHEST_TOTAL:g}"
    )
