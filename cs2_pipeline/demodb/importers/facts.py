"""What happened, in the platform's words: kills, hits and the bomb, with every player looked up.

An event that cannot be told, because it names no victim, is left out and counted; the count goes into the report.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from cs2_pipeline.demodb.importers.parsed import ParsedDemo
from cs2_pipeline.demodb.importers.roster import Player, Roster, known
from cs2_pipeline.demodb.importers.timeline import Span
from cs2_pipeline.game.rules import FULL_HEALTH, Side

HIT_GROUPS: Final = {
    0: "generic",
    1: "head",
    2: "chest",
    3: "stomach",
    4: "left_arm",
    5: "right_arm",
    6: "left_leg",
    7: "right_leg",
    8: "neck",
    10: "gear",
}
BOMB_EVENTS: Final = {
    "bomb_beginplant": "begin_plant",
    "bomb_abortplant": "abort_plant",
    "bomb_planted": "planted",
    "bomb_begindefuse": "begin_defuse",
    "bomb_abortdefuse": "abort_defuse",
    "bomb_defused": "defused",
    "bomb_exploded": "exploded",
}
"""The game's events and what the database calls them."""

UTILITY: Final = frozenset({"hegrenade", "inferno", "molotov", "incgrenade", "flashbang", "smokegrenade", "decoy"})
_NOT_SHOT: Final = UTILITY | {"c4", "planted_c4", "healthshot", "taser", "world"}


@dataclass(frozen=True)
class Kill:
    """One death. ``killer`` is None for a suicide and for a death by the world."""

    tick: int
    killer: Player | None
    victim: Player
    assister: Player | None
    weapon: str | None
    hit_group: str | None
    headshot: bool
    wallbang: bool
    flash_assist: bool
    distance: float
    killer_side: Side | None
    victim_side: Side | None

    @property
    def of_enemy(self) -> bool:
        """True when the killer was on the other side."""
        return self.killer is not None and self.killer_side != self.victim_side

    @property
    def of_mate(self) -> bool:
        """True when the killer was on the victim's own side."""
        return self.killer is not None and self.killer_side == self.victim_side


@dataclass(frozen=True)
class Hit:
    """One loss of health. ``damage`` is the health really lost: never more than the victim had."""

    tick: int
    attacker: Player | None
    victim: Player
    weapon: str | None
    damage: int
    armor_damage: int
    health: int
    armor: int
    of_enemy: bool


@dataclass(frozen=True)
class BombEvent:
    """Something done with the bomb. ``site`` is A or B, or the map's number of the site where only that is known."""

    tick: int
    kind: str
    player: Player | None
    site: str | None
    has_kit: bool


def is_gun(weapon: str | None) -> bool:
    """True for what shoots: no grenade, knife or bomb."""
    return weapon is not None and weapon not in _NOT_SHOT and "knife" not in weapon and weapon != "bayonet"


def text(value: Any) -> str | None:
    """A non-empty text, else None."""
    return str(value) if known(value) else None


def _int(value: Any) -> int:
    return int(value) if known(value) else 0


def between(demo: ParsedDemo, name: str, span: Span) -> list[dict[Any, Any]]:
    """The events of a name within a span."""
    return demo.between(name, span.first, span.after)


def kills(demo: ParsedDemo, roster: Roster, span: Span, left_out: Counter[str]) -> list[Kill]:
    """The deaths within a span."""
    found = []
    for row in between(demo, "player_death", span):
        victim, killer = roster.find(row, "user"), roster.find(row, "attacker")
        if victim is None:
            left_out["player_death events that name no victim"] += 1
            continue
        if killer is victim:
            killer = None
        group = row.get("hitgroup")
        tick = int(row["tick"])
        found.append(
            Kill(
                tick=tick,
                killer=killer,
                victim=victim,
                assister=roster.find(row, "assister"),
                weapon=text(row.get("weapon")),
                hit_group=text(group) if isinstance(group, str) else HIT_GROUPS.get(_int(group)),
                headshot=bool(row.get("headshot") or False),
                wallbang=_int(row.get("penetrated")) > 0,
                flash_assist=bool(row.get("assistedflash") or False),
                distance=float(row["distance"]) if known(row.get("distance")) else 0.0,
                killer_side=roster.side_during(killer, span.live_start, tick) if killer else None,
                victim_side=roster.side_during(victim, span.live_start, tick),
            )
        )
    return found


def hits(demo: ParsedDemo, roster: Roster, span: Span, left_out: Counter[str]) -> list[Hit]:
    """The hits within a span, the health lost counted from what the victim still had."""
    found = []
    health: dict[int, int] = {}
    for row in between(demo, "player_hurt", span):
        victim, attacker = roster.find(row, "user"), roster.find(row, "attacker")
        if victim is None:
            left_out["player_hurt events that name no victim"] += 1
            continue
        tick, left = int(row["tick"]), _int(row.get("health"))
        damage = min(_int(row.get("dmg_health")), health.get(victim.number, FULL_HEALTH))
        # Who dies in the warm-up comes back at once with full health.
        health[victim.number] = left if left > 0 else FULL_HEALTH
        victim_side = roster.side_during(victim, span.live_start, tick)
        found.append(
            Hit(
                tick=tick,
                attacker=attacker,
                victim=victim,
                weapon=text(row.get("weapon")),
                damage=damage,
                armor_damage=_int(row.get("dmg_armor")),
                health=left,
                armor=_int(row.get("armor")),
                of_enemy=attacker is not None and roster.side_during(attacker, span.live_start, tick) != victim_side,
            )
        )
    return found


def bomb_events(demo: ParsedDemo, roster: Roster, span: Span) -> list[BombEvent]:
    """What was done with the bomb within a span, in order."""
    found = []
    for name, kind in BOMB_EVENTS.items():
        for row in between(demo, name, span):
            has_kit = bool(row.get("haskit") or False)
            found.append(BombEvent(int(row["tick"]), kind, roster.find(row, "user"), _site(row), has_kit))
    return sorted(found, key=lambda event: event.tick)


def _site(row: dict[Any, Any]) -> str | None:
    place = text(row.get("user_last_place_name")) or ""
    if place.startswith("Bombsite"):
        return place.removeprefix("Bombsite")
    site = row.get("site")
    if isinstance(site, str):
        return text(site)
    return str(_int(site)) if known(site) else None
