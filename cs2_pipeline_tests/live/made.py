"""Small made matches, as events of the contract: enough of the game for order, corrections and prices to matter."""

import json
import random
import uuid
from typing import Any

from cs2_pipeline.live.events import Event, parse

BEGAN = 1_768_737_600.0


def uid(*parts: object) -> str:
    """An id that is the same every time."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "/".join(map(str, parts))))


class Feed:
    """Writes a match's events down, one number after the other.

    Args:
        match: any name; ids follow from it.
        source: who tells.
        clock: the source's clock is so many seconds fast.
    """

    def __init__(self, match: str = "one", source: str = "server", clock: float = 0.0) -> None:
        self.match, self.source = uid(match), source
        self.map, self.now, self.round = uid(match, 1), BEGAN + clock, 0
        self.seq: dict[str, int] = {}
        self.events: list[dict[str, Any]] = []

    def say(self, kind: str, after: float = 1.0, round_no: int | None = None, **payload: Any) -> dict[str, Any]:
        """The next event."""
        self.now += after
        self.seq[self.map] = number = self.seq.get(self.map, 0) + 1
        event = {
            "event_id": uid(self.match, self.map, self.source, number, len(self.events)), "match_id": self.match,
            "map_id": self.map, "round_no": self.round if round_no is None else round_no, "ts_event": stamp(self.now),
            "type": kind, "source": self.source, "seq_no": number, "payload": payload,
        }  # fmt: skip
        self.events.append(event)
        return event


def stamp(seconds: float) -> str:
    """A time as events carry it."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def play(
    seed: int = 0,
    *,
    match: str = "one",
    rounds: int = 4,
    maps: int = 1,
    source: str = "server",
    clock: float = 0.0,
    rich: bool = True,
    finish: bool = True,
) -> list[dict[str, Any]]:
    """A match of some rounds on some maps.

    Args:
        rich: with hits and equipment; else only kills and rounds, as a poorer source tells them.
        finish: with the ends of maps and match.
    """  # fmt: skip
    feed = Feed(match, source, clock)
    feed.say("match_start", team_a_id="10", team_b_id="20", team_a_name="Löwen ☻", team_b_name="Blue", format="bo3")
    won = {"A": 0, "B": 0}
    for number in range(1, maps + 1):
        chance = random.Random(f"{seed}-{number}")
        feed.map, feed.round = uid(match, number), 0
        feed.say("map_start", map_name="de_mirage", map_number=number)
        score = {"A": 0, "B": 0}
        for round_no in range(1, rounds + 1):
            feed.round = round_no
            _round(feed, chance, score, rich=rich)
        winner = max(score, key=lambda team: score[team])
        won[winner] += 1
        if finish:
            feed.say("map_end", winner_team=winner, team_a_score=score["A"], team_b_score=score["B"])
    if finish:
        feed.say("match_end", winner_team=max(won, key=lambda team: won[team]))
    return feed.events


def _round(feed: Feed, chance: random.Random, score: dict[str, int], *, rich: bool) -> None:
    side = "CT" if feed.round <= 12 else "T"
    other = "T" if side == "CT" else "CT"
    feed.say("round_start", 7.0, team_a_score=score["A"], team_b_score=score["B"], team_a_side=side, team_b_side=other)
    feed.say(
        "economy_update", 10.0, team_a_econ=chance.randrange(20) * 500, team_b_econ=8_000,
        team_a_equipment_value=20_000, team_b_equipment_value=chance.randrange(4, 50) * 500,
    )  # fmt: skip
    feed.say("freeze_time_ended", 5.0)
    alive = {"A": [f"a{n}" for n in range(5)], "B": [f"b{n}" for n in range(5)]}
    planted = False
    t_team = "A" if side == "T" else "B"
    while alive["A"] and alive["B"]:
        killer = chance.choice("AB")
        victim = "B" if killer == "A" else "A"
        who = chance.choice(alive[victim])
        weapon = chance.choice(["ak47", "m4a1", "awp", "knife"])
        if rich and chance.random() < 0.6:
            feed.say(
                "player_hurt", chance.uniform(0.5, 4.0), attacker_player_id=alive[killer][0], attacker_team=killer,
                victim_player_id=who, victim_team=victim, damage=40, weapon=weapon, victim_health=60, victim_armor=80,
            )  # fmt: skip
        if rich and not planted and chance.random() < 0.1:
            planted = True
            feed.say("bomb_planted", 1.0, player_id=alive[t_team][0], player_team=t_team, site="A")
        alive[victim].remove(who)
        feed.say(
            "kill", chance.uniform(0.2, 4.0), killer_player_id=alive[killer][0], killer_team=killer,
            victim_player_id=who, weapon=weapon, is_headshot=chance.random() < 0.4,
        )  # fmt: skip
    winner = "A" if alive["A"] else "B"
    reason = "elimination"
    if planted and winner != t_team:
        feed.say("bomb_defused", 6.0, player_id="x", player_team=winner)
        reason = "bomb_defused"
    score[winner] += 1
    feed.say("round_end", 0.5, winner_team=winner, win_reason=reason, team_a_score=score["A"], team_b_score=score["B"])


def read(events: list[dict[str, Any]]) -> list[Event]:
    """The events as the consumer reads them."""
    return [parse(json.dumps(event).encode()) for event in events]
