"""Small recordings written by hand: ten players, rounds of a few kills, as game events."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cs2_pipeline.demodb.importers.parsed import TICK_RATE, DemoHeader, ParsedDemo

CT = tuple(f"ct{n}" for n in range(1, 6))
T = tuple(f"t{n}" for n in range(1, 6))
ROUND = 120 * TICK_RATE
FREEZE = 15 * TICK_RATE


def steam_id(name: str) -> str:
    """A player's SteamID64; bots have none."""
    return "0" if name.startswith("bot") else str(76561198000000000 + [*CT, *T, "sub"].index(name))


class Script:
    """Writes down what happens in a recording; ticks are absolute, seconds count from the live start."""

    def __init__(self) -> None:
        self.events: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.clock = 1000
        for name in CT:
            self.joins(name, 0, 3)
        for name in T:
            self.joins(name, 0, 2)

    def add(self, event: str, tick: int, **values: Any) -> None:
        self.events[event].append({**values, "tick": tick})

    def player(self, role: str, name: str | None) -> dict[str, Any]:
        return {f"{role}_name": name, f"{role}_steamid": steam_id(name) if name else None}

    def joins(self, name: str, tick: int, team: int, old: int = 0) -> None:
        self.add("player_team", tick, oldteam=old, team=team, isbot=name.startswith("bot"), **self.player("user", name))

    def swap(self, tick: int) -> None:
        """Half time: everybody changes sides."""
        last = {row["user_name"]: row["team"] for row in self.events["player_team"]}
        for name, team in last.items():
            self.joins(name, tick, 5 - team, team)

    def hurt(
        self, tick: int, attacker: str | None, victim: str, damage: int, health: int, *, weapon: str = "ak47"
    ) -> None:
        self.add(
            "player_hurt", tick, dmg_health=damage, dmg_armor=0, health=health, armor=50, weapon=weapon, hitgroup=2,
            **self.player("user", victim), **self.player("attacker", attacker),
        )  # fmt: skip

    def kill(
        self, tick: int, killer: str | None, victim: str, *, weapon: str = "ak47", assister: str | None = None
    ) -> None:
        self.hurt(tick, killer, victim, 120, 0, weapon=weapon)
        self.add(
            "player_death", tick, weapon=weapon, headshot=False, penetrated=0, hitgroup=2, distance=10.0,
            assistedflash=False, **self.player("user", victim), **self.player("attacker", killer),
            **self.player("assister", assister),
        )  # fmt: skip

    def round(
        self,
        winner: int | str = 3,
        kills: Sequence[tuple[float, str | None, str]] = (),
        *,
        lasts: float = 60.0,
        reason: int | str = 8,
        weapon: str = "ak47",
    ) -> int:
        """Plays a round and answers the tick of its live start."""
        live = self.clock + FREEZE
        self.add("round_start", self.clock)
        self.add("round_freeze_end", live)
        for second, killer, victim in kills:
            self.kill(live + round(second * TICK_RATE), killer, victim, weapon=weapon)
        self.add("round_end", live + round(lasts * TICK_RATE), winner=winner, reason=reason)
        self.clock += ROUND + FREEZE
        return live

    def match(self, winners: str, half: int = 12) -> None:
        """Plays rounds won by the team that began as CT (``a``) or as T (``b``), sides changing after a half."""
        for number, team in enumerate(winners):
            if number == half:
                self.swap(self.clock)
            self.round(3 if (team == "a") == (number < half) else 2)

    def parsed(self, **more: Any) -> ParsedDemo:
        frames = {name: pd.DataFrame(rows) for name, rows in self.events.items()}
        return ParsedDemo("events", DemoHeader(map_name="de_nuke"), frames, **more)

    def folder(self, path: Path) -> Path:
        path.mkdir()
        for name, rows in self.events.items():
            pd.DataFrame(rows).to_parquet(path / f"{name}.parquet")
        return path
