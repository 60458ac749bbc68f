"""Event tables for tests: one round by hand, and many rounds at random."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cs2_pipeline.datasets.schema import BOMBS, DAMAGES, EVENT_ROUNDS, KILLS, PARTICIPANTS, Derived, Table
from cs2_pipeline.datasets.snapshots import rebuild

RATE = 64
FREEZE = 15.0
START = 1_000
LIVE = START + int(FREEZE) * RATE
CT = (1, 2, 3, 4, 5)
T = (6, 7, 8, 9, 10)


def frame(table: Table, rows: list[dict[str, Any]]) -> pd.DataFrame:
    return table.conform(pd.DataFrame(rows, columns=table.names)) if rows else table.empty()


@dataclass
class Events:
    """The five event tables as lists of rows."""

    rounds: list[dict[str, Any]]
    participants: list[dict[str, Any]]
    kills: list[dict[str, Any]]
    damages: list[dict[str, Any]]
    bombs: list[dict[str, Any]]

    def tables(self) -> tuple[pd.DataFrame, ...]:
        return (
            frame(EVENT_ROUNDS, self.rounds),
            frame(PARTICIPANTS, self.participants),
            frame(KILLS, self.kills),
            frame(DAMAGES, self.damages),
            frame(BOMBS, self.bombs),
        )

    def rebuild(self, interval: float = 10.0) -> Derived:
        return rebuild(*self.tables(), interval=interval)


def tick(seconds: float) -> int:
    """The tick so many seconds after the freeze time ended."""
    return LIVE + round(seconds * RATE)


def a_round(round_id: int = 1, *, lasts: float = 60.0, **changes: Any) -> dict[str, Any]:
    row = {
        "round_id": round_id, "match_id": 1, "round_number": round_id, "ct_live_players": 5, "t_live_players": 0,
        "ct_equipment_value": 0, "t_equipment_value": 0, "ct_start_money": 0, "t_start_money": 0, "bomb_planted": 0,
        "duration": lasts, "ct_score": 3, "t_score": 2, "ct_wins": 1, "map_name": "de_mirage",
        "started_at": pd.Timestamp("2024-05-01", tz="UTC"), "start_tick": START, "end_tick": tick(lasts),
        "tick_rate": RATE, "freeze_time": FREEZE, "round_time_limit": 115.0, "game": "cs2", "source": "demo",
        "plants_recorded": True, "hits_recorded": True,
    }  # fmt: skip
    return row | changes


def a_player(player_id: int, round_id: int = 1, **changes: Any) -> dict[str, Any]:
    """CT for 1 to 5, T for 6 to 10; full armour, no kit, $4,000 of which $3,000 were spent."""
    row = {
        "round_id": round_id, "player_id": player_id, "side": "CT" if player_id in CT else "T", "start_money": 4_000,
        "money_spent": 3_000, "equipment_value": 5_000, "has_helmet": True, "has_defuse_kit": False,
    }  # fmt: skip
    return row | changes


def a_kill(
    seconds: float, killer: int | None, victim: int, weapon: str | None = "ak47", **changes: Any
) -> dict[str, Any]:
    row = {
        "round_id": 1, "tick": tick(seconds), "killer_id": killer, "victim_id": victim, "weapon": weapon,
        "is_team_kill": killer is not None and (killer in CT) == (victim in CT),
    }  # fmt: skip
    return row | changes


def a_hit(seconds: float, victim: int, health: int, armor: int = 90, **changes: Any) -> dict[str, Any]:
    row = {
        "round_id": 1, "tick": tick(seconds), "victim_id": victim, "health": health, "armor": armor, "damage_armor": 5,
    }  # fmt: skip
    return row | changes


def a_bomb(seconds: float, event_type: str = "planted", **changes: Any) -> dict[str, Any]:
    return {"round_id": 1, "tick": tick(seconds), "event_type": event_type} | changes


def round_of(
    *,
    kills: list[dict[str, Any]] | None = None,
    damages: list[dict[str, Any]] | None = None,
    bombs: list[dict[str, Any]] | None = None,
    players: list[dict[str, Any]] | None = None,
    **changes: Any,
) -> Events:
    """One round of ten players with the events given; without hits, one that changes nothing so that it counts."""
    return Events(
        [a_round(**changes)],
        players or [a_player(number) for number in CT + T],
        kills or [],
        damages or [a_hit(0.0, CT[0], 100, 100)],
        bombs or [],
    )


def random_events(seed: int, rounds: int = 3) -> Events:
    """Rounds with random events, many of them awkward: same ticks, deaths twice, events out of the round."""
    rng = np.random.default_rng(seed)
    events = Events([], [], [], [], [])
    weapons = ["ak47", "awp", "mac10", "knife", "M4A4", "nonsense", None]
    for number in range(1, rounds + 1):
        lasts = float(rng.uniform(5, 130))
        seconds = [float(moment) for moment in rng.choice(np.arange(-3, lasts + 4, 0.5), size=40)]
        ct_wins, plant = int(rng.integers(2)), rng.random() < 0.5
        events.rounds.append(
            a_round(number, lasts=lasts, match_id=1 + number // 3, ct_wins=ct_wins, tick_rate=RATE, round_number=number)
        )
        for player in CT + T:
            if player in (CT[0], T[0]) or rng.random() < 0.9:
                helmet = bool(rng.random() < 0.4)
                events.participants.append(
                    a_player(
                        player,
                        number,
                        has_helmet=helmet,
                        has_defuse_kit=player in CT and bool(rng.random() < 0.3),
                        start_money=int(rng.integers(16_001)),
                        money_spent=int(rng.integers(9_000)),
                        equipment_value=int(rng.choice([200, 700, 849, 850, 3_000, 5_000])),
                    )
                )
        here = [row["player_id"] for row in events.participants if row["round_id"] == number]
        events.damages.append(a_hit(0.0, here[0], 100, 50, round_id=number))
        for moment in seconds[:25]:
            health, armor = int(rng.choice([0, 10, 50, 80])), int(rng.choice([0, 40, 90]))
            events.damages.append(a_hit(moment, int(rng.choice(here)), health, armor, round_id=number))
        for moment in seconds[25:36]:
            killer = None if rng.random() < 0.1 else int(rng.choice(here))
            weapon = weapons[rng.integers(len(weapons))]
            events.kills.append(a_kill(moment, killer, int(rng.choice(here)), weapon, round_id=number))
        if plant:
            events.bombs.append(a_bomb(seconds[36], "planted", round_id=number))
            events.bombs.append(a_bomb(seconds[37] + 20, str(rng.choice(["defused", "exploded"])), round_id=number))
    return events
