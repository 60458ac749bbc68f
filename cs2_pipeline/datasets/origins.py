"""Where the matches of a table come from, in words and shares: by the ``source`` that was recorded with each match."""

from collections.abc import Mapping
from typing import Any, Final

SIMULATED: Final = "simulated matches"
DEMOS: Final = "demo files"
EXPORTS: Final = "exports of other programs"
PUBLISHED: Final = "the public snapshot file"
SERIES: Final = "an ingested table of series"
APPLICATION: Final = "another application's database"

_OF_SOURCE: Final[Mapping[str, str]] = {
    "simulator": SIMULATED,
    "demo": DEMOS,
    "events": EXPORTS,
    "cs-demo-analyzer": EXPORTS,
    "cs-demo-manager": EXPORTS,
    "cs2-demo-format": EXPORTS,
    "published": PUBLISHED,
    "published_series": SERIES,
}
"""What the platform's own writers record; any other name is another application's."""


def shares(rows: Mapping[Any, int]) -> dict[str, float]:
    """The share of each kind of origin, the largest first.

    Args:
        rows: how many rows each ``source`` has.
    """
    counts: dict[str, int] = {}
    for source, count in rows.items():
        kind = _OF_SOURCE.get(source, APPLICATION)
        counts[kind] = counts.get(kind, 0) + count
    total = sum(counts.values())
    return {kind: count / total for kind, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))}


def told(found: Mapping[str, float]) -> str:
    """Shares as text: one kind by its name, several with their percentages; empty for none."""
    if len(found) == 1:
        return next(iter(found))
    return ", ".join(f"{share:.1%} {kind}" for kind, share in found.items())


def warning(found: Mapping[str, float]) -> str | None:
    """What to say of simulated matches among real ones; None where there are none or no others."""
    if SIMULATED not in found or len(found) == 1:
        return None
    return (
        f"simulated and real matches are mixed ({told(found)}): a model learns from both, and what is measured on one "
        "does not hold for the other; keep them in databases of their own (CS2_HOME or CS2_DATABASE_URL)"
    )
