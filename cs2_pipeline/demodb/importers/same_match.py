"""Whether two recordings are of the same match, and which is fuller, whatever their files' formats.

Formats name the demo they were made of differently (cs-demo-analyzer by a checksum, cs2-demo-format by its SHA-256),
and two recordings of one match have nothing else in common. What was played is the same in all of them. Of 199 pairs of
professional matches that seven players or more have in common, the most alike share 12 of 100 kills.

Told by who killed whom in which round. A recording is fuller than another when it has all that the other has, and more.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, func, select

from cs2_pipeline.demodb.tables import METADATA

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
"""Those of a recording by table, as `assemble` makes them."""
ALIKE: Final = 0.7
"""Share of the kills of either recording that both have, from which on they are of one match."""
KEPT: Final = 0.95
"""Share of a recording's kills that another must have too, to take its place."""
LEAST_KILLS: Final = 20
"""Kills that a recording must have to be told by them."""

Kills = frozenset[tuple[int, int, int]]
"""Round, who killed, who died: by SteamIDs."""
_ROUNDS, _PLAYERS, _KILLS = (METADATA.tables[name] for name in ("Rounds", "Players", "Kills"))
_STATS = METADATA.tables["PlayerRoundStats"]


class Recorded(NamedTuple):
    """What a recording has: how many rounds of the match, and of how many of them plants, hits, helmets, equipment."""

    rounds: int
    plants: int
    hits: int
    armour: int
    economy: int

    def exceeds(self, other: "Recorded") -> bool:
        """Whether it has at least as much of everything, and more of something."""
        return self != other and all(one >= two for one, two in zip(self, other, strict=True))


_OF_STATS: Final = ("Health", "HasHelmet", "EquipmentValue")
"""What `Recorded` counts after rounds and plants: a round has it where some player's row has."""


def kills_of(rows: Rows) -> Kills:
    """The kills of enemies in an assembled recording's rounds; bots are left out, and what precedes the match."""
    who = {player["Id"]: int(player["SteamId"]) for player in rows.get("Players", ())}
    number = {one["Id"]: int(one["RoundNumber"]) for one in rows.get("Rounds", ())}
    found = (
        (number.get(kill["RoundId"], 0), who.get(kill["KillerId"], 0), who.get(kill["VictimId"], 0))
        for kill in rows.get("Kills", ())
        if kill["KillerTeam"] != kill["VictimTeam"]
    )
    return frozenset(kill for kill in found if all(kill))


def likeness(one: Kills, other: Kills) -> float:
    """Share of all kills of either that both have."""
    return len(one & other) / max(len(one | other), 1)


def recorded(rows: Rows) -> Recorded:
    """What an assembled recording has."""
    rounds = {one["Id"]: one for one in rows.get("Rounds", ()) if one["RoundNumber"] > 0 and one["WinnerTeam"]}
    stats = [line for line in rows.get("PlayerRoundStats", ()) if line["RoundId"] in rounds]
    known = [{line["RoundId"] for line in stats if line.get(name) is not None} for name in _OF_STATS]
    plants = sum(one.get("BombPlanted") is not None for one in rounds.values())
    return Recorded(len(rounds), plants, *(len(found) for found in known))


def recorded_in(connection: Connection, demo_id: int) -> Recorded:
    """What the recording of a DemoFiles id has."""
    counted = (_ROUNDS.c.DemoFileId == demo_id, _ROUNDS.c.RoundNumber > 0, _ROUNDS.c.WinnerTeam.is_not(None))
    rounds, plants = connection.execute(select(func.count(), func.count(_ROUNDS.c.BombPlanted)).where(*counted)).one()
    known = [
        select(func.count(_STATS.c.RoundId.distinct()))
        .join_from(_STATS, _ROUNDS)
        .where(*counted, _STATS.c[name].is_not(None))
        for name in _OF_STATS
    ]
    return Recorded(rounds, plants, *(connection.execute(query).scalar_one() for query in known))


def fuller(connection: Connection, demo_id: int, rows: Rows) -> bool:
    """Whether a recording of the same match has all that the one of a DemoFiles id has, and more."""
    if not recorded(rows).exceeds(recorded_in(connection, demo_id)):
        return False
    before = _kills_in(connection, demo_id)
    return len(before & kills_of(rows)) >= KEPT * len(before)


def same_match(connection: Connection, rows: Rows) -> int | None:
    """The DemoFiles id of another recording of the same match; None where there is none, or too little to tell by."""
    kills = kills_of(rows)
    if len(kills) < LEAST_KILLS:
        return None
    for demo_id in _candidates(connection, kills):
        if likeness(kills, _kills_in(connection, demo_id)) >= ALIKE:
            return demo_id
    return None


def _candidates(connection: Connection, kills: Kills) -> list[int]:
    """Recordings in which most of the same people played."""
    people = {who for _, killer, victim in kills for who in (killer, victim)}
    there = func.count(_PLAYERS.c.SteamId.distinct())
    query = (
        select(_PLAYERS.c.DemoFileId)
        .where(_PLAYERS.c.SteamId.in_(people))
        .group_by(_PLAYERS.c.DemoFileId)
        .having(there >= ALIKE * len(people))
        .order_by(_PLAYERS.c.DemoFileId)
    )
    return list(connection.execute(query).scalars())


def _kills_in(connection: Connection, demo_id: int) -> Kills:
    killer, victim = _PLAYERS.alias("killer"), _PLAYERS.alias("victim")
    joined = (
        _KILLS.join(_ROUNDS, _ROUNDS.c.Id == _KILLS.c.RoundId)
        .join(killer, killer.c.Id == _KILLS.c.KillerId)
        .join(victim, victim.c.Id == _KILLS.c.VictimId)
    )
    query = (
        select(_ROUNDS.c.RoundNumber, killer.c.SteamId, victim.c.SteamId)
        .select_from(joined)
        .where(_KILLS.c.DemoFileId == demo_id, _KILLS.c.KillerTeam != _KILLS.c.VictimTeam)
    )
    rows = ((int(number), int(one), int(other)) for number, one, other in connection.execute(query))
    return frozenset(kill for kill in rows if all(kill))
