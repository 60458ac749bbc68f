"""A player's numbers for a round and for a match, counted from what happened.

The conventions, where the game leaves a choice: kills and damage count against enemies only; damage is health
really lost; a kill is a trade when its victim killed a mate of the killer at most `rules.TRADE_TIME` before; KAST is
true for who killed, assisted, survived or was traded; a clutch begins when a player is the last of the side and at
least one enemy lives.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cs2_pipeline.demodb.importers.facts import UTILITY, Hit, Kill
from cs2_pipeline.demodb.importers.parsed import TICK_RATE
from cs2_pipeline.demodb.importers.roster import Player
from cs2_pipeline.demodb.importers.timeline import Span
from cs2_pipeline.game.rules import FULL_HEALTH, TRADE_TIME, Side


@dataclass
class RoundStats:
    """A player's round. Times in seconds since the round went live."""

    player: Player
    side: Side
    won: bool
    kills: int = 0
    deaths: int = 0
    assists: int = 0
    flash_assists: int = 0
    headshots: int = 0
    damage: int = 0
    damage_taken: int = 0
    utility_damage: int = 0
    first_kill: bool = False
    first_death: bool = False
    trade_kills: int = 0
    traded: bool = False
    alive: bool = True
    survival: float = 0.0
    health: int = FULL_HEALTH
    armor: int = 0
    shots_hit: int = 0
    shots_fired: int = 0
    flashed: int = 0
    plants: int = 0
    defuses: int = 0
    mvp: bool = False
    clutch_size: int = 0
    economy: dict[str, int | bool | None] = field(default_factory=dict)

    @property
    def kast(self) -> bool:
        """True for who killed, assisted, survived or was traded."""
        return self.kills > 0 or self.assists > 0 or self.deaths == 0 or self.traded


def trades(kills: Sequence[Kill]) -> tuple[set[int], set[int]]:
    """Which kills, by place in the list, were trades, and which deaths were traded."""
    window = TRADE_TIME * TICK_RATE
    trading, traded = set(), set()
    for later, kill in enumerate(kills):
        for earlier in range(later - 1, -1, -1):
            before = kills[earlier]
            if kill.tick - before.tick > window:
                break
            if before.of_enemy and before.killer is kill.victim and before.victim_side == kill.killer_side:
                trading.add(later)
                traded.add(earlier)
    return trading, traded


def first_kill(kills: Sequence[Kill]) -> int | None:
    """The place of the round's opening kill: the first of an enemy."""
    return next((place for place, kill in enumerate(kills) if kill.of_enemy), None)


def count_kills(stats: dict[int, RoundStats], span: Span, kills: Sequence[Kill]) -> None:
    """Adds a round's deaths to the stats of its players, by player number."""
    trading, traded = trades(kills)
    opening = first_kill(kills)
    end = span.end if span.end is not None else span.after
    for place, kill in enumerate(kills):
        victim = stats[kill.victim.number]
        victim.deaths += 1
        victim.traded |= place in traded
        if kill.tick <= end:
            victim.alive, victim.health = False, 0
            victim.survival = max(0, kill.tick - span.live_start) / TICK_RATE
        victim.first_death |= place == opening
        if kill.killer is None or not kill.of_enemy:
            continue
        killer = stats[kill.killer.number]
        killer.kills += 1
        killer.headshots += kill.headshot
        killer.trade_kills += place in trading
        killer.first_kill |= place == opening
        helper = stats.get(kill.assister.number) if kill.assister else None
        if helper is not None and helper.side != kill.victim_side:
            helper.assists += 1
            helper.flash_assists += kill.flash_assist


def count_hits(stats: dict[int, RoundStats], span: Span, hits: Iterable[Hit]) -> None:
    """Adds a round's hits to the stats of its players, by player number."""
    for hit in hits:
        victim = stats[hit.victim.number]
        if span.end is None or hit.tick <= span.end:
            victim.health, victim.armor = hit.health, hit.armor
        if hit.attacker is None or not hit.of_enemy:
            continue
        attacker = stats[hit.attacker.number]
        victim.damage_taken += hit.damage
        attacker.damage += hit.damage
        attacker.utility_damage += hit.damage if hit.weapon in UTILITY else 0


def find_clutches(stats: dict[int, RoundStats], span: Span, kills: Iterable[Kill]) -> None:
    """Notes who became the last of a side, against how many, before the round ended."""
    living: dict[Side, set[int]] = {"CT": set(), "T": set()}
    for line in stats.values():
        living[line.side].add(line.player.number)
    for kill in kills:
        if span.end is not None and kill.tick > span.end:
            break
        for mates in living.values():
            mates.discard(kill.victim.number)
        for mates, enemies in ((living["CT"], living["T"]), (living["T"], living["CT"])):
            if len(mates) == 1:
                last = stats[next(iter(mates))]
                last.clutch_size = last.clutch_size or len(enemies)
