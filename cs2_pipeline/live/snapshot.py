"""A match as it stood: its next owner goes on from there instead of computing it from its first event."""

from dataclasses import dataclass
from typing import Any

import msgspec

from cs2_pipeline.live.board import RoundRange
from cs2_pipeline.live.match import Match, Recall
from cs2_pipeline.live.pricing import Price


class _Document(msgspec.Struct):
    match: dict[str, Any]
    ranges: list[tuple[str, int, float, float]]
    price: Price | None


@dataclass
class Restored:
    """What a snapshot held.

    Attributes:
        ranges: least and largest price of team A within each round, by map and round.
        price: the last one.
    """

    match: Match
    ranges: dict[tuple[str, int], RoundRange]
    price: Price | None


def taken(match: Match, ranges: dict[tuple[str, int], RoundRange], price: Price | None) -> str | None:
    """A match's snapshot; None while events wait for others before them."""
    document = match.to_document()
    if document is None:
        return None
    flat = [(*key, *bounds) for key, bounds in ranges.items()]
    return msgspec.json.encode(_Document(document, flat, price)).decode()


def restored(body: str, recall: Recall) -> Restored | None:
    """The match of a snapshot; None where another version of the program wrote it."""
    try:
        found = msgspec.json.decode(body, type=_Document)
        match = Match.from_document(found.match, recall)
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return None
    ranges = {(map_id, number): (least, largest) for map_id, number, least, largest in found.ranges}
    return Restored(match, ranges, found.price)
