"""Extracted event tables in the language of `game.events`: what drives the tracker with the rounds of a demo database.

Only translation belongs here. Tests and benchmarks hold `datasets.snapshots` to the tracker through it, and whoever
replays a recorded match starts from it.
"""

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, cast

import pandas as pd

from cs2_pipeline.game.events import (
    BombDefused,
    BombDropped,
    BombExploded,
    BombPlanted,
    Damage,
    Event,
    Kill,
    PlayerAtStart,
    RoundEnd,
    RoundStart,
)
from cs2_pipeline.game.rules import MAX_MONEY

Row = dict[str, Any]

_BOMBS: Final = {"planted": BombPlanted, "defused": BombDefused, "exploded": BombExploded, "dropped": BombDropped}
_ORDER: Final = ("started_at", "match_id", "round_number", "round_id")


def round_events(  # one argument for each table, in the order of the schema
    rounds: pd.DataFrame,
    participants: pd.DataFrame,
    kills: pd.DataFrame,
    damages: pd.DataFrame,
    bombs: pd.DataFrame,
) -> Iterator[tuple[Row, list[Event]]]:
    """Each round's row with its events in time order, from its `RoundStart` to its `RoundEnd`.

    Args:
        rounds, participants, kills, damages, bombs: as `snapshots.rebuild` takes them.
    """
    tables = [_by_round(frame) for frame in (participants, kills, damages, bombs)]
    for row in _records(rounds.sort_values(list(_ORDER))):
        players, killed, hits, bomb = (table.get(row["round_id"], []) for table in tables)
        events = [*_hits(hits, row), *_kills(killed, row), *_bomb(bomb, row), _end(row)]
        yield row, [_start(row, players), *sorted(events, key=_moment)]


def _start(row: Row, players: list[Row]) -> RoundStart:
    live = row["start_tick"] + row["freeze_time"] * row["tick_rate"]
    return RoundStart(
        row["start_tick"] / row["tick_rate"],
        row["ct_score"] - row["ct_wins"],
        row["t_score"] - (1 - row["ct_wins"]),
        tuple(
            PlayerAtStart(
                player["player_id"],
                player["side"],
                min(max(player["start_money"] - player["money_spent"], 0), MAX_MONEY),
                player["equipment_value"],
                has_helmet=_known(player["has_helmet"]),
                has_defuse_kit=_known(player["has_defuse_kit"]),
            )
            for player in players
        ),
        freeze_end=live / row["tick_rate"],
        round_time=row["round_time_limit"],
    )


def _end(row: Row) -> RoundEnd:
    if pd.isna(row["end_tick"]):
        at = row["start_tick"] / row["tick_rate"] + row["freeze_time"] + row["duration"]
    else:
        at = row["end_tick"] / row["tick_rate"]
    return RoundEnd(at, "CT" if row["ct_wins"] else "T")


def _hits(hits: list[Row], row: Row) -> list[Event]:
    return [Damage(hit["tick"] / row["tick_rate"], hit["victim_id"], hit["health"], hit["armor"]) for hit in hits]


def _kills(kills: list[Row], row: Row) -> list[Event]:
    """The kills; of two of one victim in one tick the order is that of `snapshots.rebuild`."""
    kills = sorted(kills, key=lambda kill: (_known(kill["killer_id"], -1), _known(kill["weapon"], "\uffff")))
    return [
        Kill(
            kill["tick"] / row["tick_rate"],
            kill["victim_id"],
            _known(kill["killer_id"]),
            _known(kill["weapon"]),
            is_team_kill=kill["is_team_kill"],
        )
        for kill in kills
    ]


def _bomb(bombs: list[Row], row: Row) -> list[Event]:
    kinds = ((bomb, _BOMBS.get((_known(bomb["event_type"]) or "").lower())) for bomb in bombs)
    return [kind(bomb["tick"] / row["tick_rate"]) for bomb, kind in kinds if kind is not None]


def _known(value: Any, unknown: Any = None) -> Any:
    return unknown if pd.isna(value) else value


def _moment(event: Event) -> tuple[float, bool]:
    """By time; the round's end after everything else of its moment."""
    return event.time, isinstance(event, RoundEnd)


def _by_round(frame: pd.DataFrame) -> dict[int, list[Row]]:
    records = sorted(_records(frame.astype(object)), key=itemgetter("round_id"))
    return {key: list(group) for key, group in groupby(records, key=itemgetter("round_id"))}


def _records(frame: pd.DataFrame) -> list[Row]:
    return cast("list[Row]", frame.to_dict("records"))
