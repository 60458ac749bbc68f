"""Matches of a demo database as live events, so that they can be played again as if they ran now."""

import json
import math
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final

import pandas as pd

from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction import deeds
from cs2_pipeline.demodb.extraction.clocks import with_clocks
from cs2_pipeline.demodb.extraction.eligibility import Days, flag, live_rounds
from cs2_pipeline.demodb.extraction.events import ExtractedEvents, events_of
from cs2_pipeline.demodb.extraction.maps import maps
from cs2_pipeline.demodb.extraction.one_match import player_names
from cs2_pipeline.demodb.extraction.reasons import Tally
from cs2_pipeline.game.rules import BOMB_TIME, ROUND_TIME, sides_swapped
from cs2_pipeline.live.events import NOBODY_KNOWN

SOURCE: Final = "demo"
SIMULATED: Final = "simulator"
"""The source of events of a match that was simulated, as the demo database names it; of any other it is `SOURCE`."""
_LULL: Final = 3.0
"""Seconds between match_start and the first round."""
_HEADSHOT: Final = {"round_id": "RoundId", "tick": "Tick", "victim_id": "VictimId", "is_headshot": "IsHeadshot"}
_WON_BY: Final = {"exploded": "bomb_exploded", "defused": "bomb_defused"}


@dataclass(frozen=True)
class Recorded:
    """A match of the database as events of the contract.

    Attributes:
        recorded_id: its id in the database.
        events: in order; `ts_event` is still seconds from the match's beginning.
    """

    recorded_id: int
    match_id: str
    map_name: str
    events: list[dict[str, Any]]

    def begun_at(self, began: float) -> list[dict[str, Any]]:
        """The events as of a match that began at a time, seconds since 1970."""
        return [event | {"ts_event": _stamp(began + event["ts_event"])} for event in self.events]


def recorded_matches(db: DemoDatabase, first: date, last: date, run: str = "") -> Iterator[Recorded]:
    """The matches of some days, with all their live rounds.

    A round of which not everything was recorded (a player left) is told by its beginning and its end alone: the score
    is right, and what happened in it is not made up. Money and equipment that were not recorded are not told.

    Args:
        run: played again under another name, a match is another match.

    Raises:
        DemoDatabaseError: the database cannot be read.
    """
    days = Days(db, first, last)
    tables, every = events_of(days, without_economy=True), with_clocks(days, live_rounds(days, Tally()), Tally())
    tables = replace(tables, kills=_with_headshots(tables.kills, days, every))
    names, teams = player_names(db, first, last), _teams(db, first, last)
    for key, rounds in every.groupby("match_id", sort=True):
        match = int(str(key))
        called = teams.get(match, {})
        yield _Writer(match, run, names, called).match(rounds.sort_values("start_tick"), tables)


def _with_headshots(kills: pd.DataFrame, days: Days, rounds: pd.DataFrame) -> pd.DataFrame:
    """Kills with `is_headshot`, which no model needs and the tables of events leave out."""
    keys = ["round_id", "tick", "victim_id"]
    told = deeds.events_of(days, "Kills", _HEADSHOT, rounds).dropna(subset=keys)
    headshots = pd.MultiIndex.from_frame(told.loc[flag(told["is_headshot"]), keys].astype("int64"))
    return kills.assign(is_headshot=pd.MultiIndex.from_frame(kills[keys].astype("int64")).isin(headshots))


def _teams(db: DemoDatabase, first: date, last: date) -> dict[int, dict[str, Any]]:
    """By match, names (where players' tags tell) and line-ups of the team that began as CT (A) and of the other (B)."""
    found: dict[int, dict[str, Any]] = {}
    for row in maps(db, first, last).frame.itertuples():
        pairs = (("team_a_name", row.first_name), ("team_b_name", row.second_name))
        line_ups = {"team_a_line_up": row.first_players, "team_b_line_up": row.second_players}
        found[int(str(row.match_id))] = {key: str(name) for key, name in pairs if isinstance(name, str) and name} | {
            key: json.loads(str(players)) for key, players in line_ups.items()
        }
    return found


class _Writer:
    def __init__(self, recorded_id: int, run: str, names: Mapping[int, str], teams: Mapping[str, Any]) -> None:
        self._names = names
        self._teams = {"team_a_name": "Team A", "team_b_name": "Team B", **teams}
        self._key = f"{recorded_id}/{run}"
        self._recorded_id = recorded_id
        self._match, self._map = self._id("match"), self._id("map")
        self._events: list[tuple[float, dict[str, Any]]] = []
        self._round = 0
        self._source = SOURCE
        self._sides: dict[int, str] = {}

    def match(self, rounds: pd.DataFrame, tables: ExtractedEvents) -> Recorded:
        first = rounds.iloc[0]
        self._source = SIMULATED if first["source"] == SIMULATED else SOURCE
        rate, origin = float(first["tick_rate"]), float(first["start_tick"])
        name = "unknown" if pd.isna(first["map_name"]) else str(first["map_name"])
        teams = {"team_a_id": self._id("team a"), "team_b_id": self._id("team b")}
        self._say(-_LULL, "match_start", **teams, **self._teams, format="bo1")
        self._say(-_LULL, "map_start", map_name=name, map_number=1, **teams)
        by_round = {
            kind: dict(list(getattr(tables, kind).groupby("round_id")))
            for kind in ("participants", "kills", "damages", "bombs")
        }
        whole = dict(zip(tables.rounds["round_id"], tables.rounds.to_dict("records"), strict=True))
        score = {"A": 0, "B": 0}
        rosters: dict[str, set[int]] = {}
        for number, told in enumerate(rounds.to_dict("records"), start=1):
            self._round = number
            if (played := whole.get(told["round_id"])) is None:
                score = self._tell_score(told, rate, origin)
                continue
            of_round = {kind: found.get(played["round_id"], pd.DataFrame()) for kind, found in by_round.items()}
            score = self._play(played, of_round, rosters, rate, origin)
        winner = "A" if score["A"] > score["B"] else "B" if score["B"] > score["A"] else None
        end = max(at for at, _ in self._events) + 1.0
        self._say(end, "map_end", winner_team=winner, team_a_score=score["A"], team_b_score=score["B"])
        self._say(end, "match_end", winner_team=winner)
        return Recorded(self._recorded_id, self._match, name, self._numbered())

    def _play(
        self, played: Any, of_round: dict[str, pd.DataFrame], rosters: dict[str, set[int]], rate: float, origin: float
    ) -> dict[str, int]:
        """Write one round down; returns the score after it."""
        people = of_round["participants"]
        a_side = _side_of_a(people, rosters)
        self._sides = dict(zip(people["player_id"].astype(int), people["side"], strict=True))
        start = (played["start_tick"] - origin) / rate
        live = start + float(played["freeze_time"])
        ct_before = int(played["ct_score"] - played["ct_wins"])
        t_before = int(played["t_score"] - (1 - played["ct_wins"]))
        before = _by_team(ct_before, t_before, a_side)
        on_a = int((people["side"] == a_side).sum())
        self._say(
            start, "round_start", team_a_score=before["A"], team_b_score=before["B"], team_a_side=a_side,
            team_b_side="T" if a_side == "CT" else "CT", team_a_players=on_a, team_b_players=len(people) - on_a,
            round_time=float(played["round_time_limit"]),
        )  # fmt: skip
        for person in people.to_dict("records"):
            self._equipment(live, person, a_side)
        self._say(live, "freeze_time_ended")
        last = self._happenings(of_round, a_side, rate, origin, live)
        winner = "A" if (played["ct_wins"] == 1) == (a_side == "CT") else "B"
        after = {team: before[team] + (team == winner) for team in before}
        kinds = set(of_round["bombs"].get("event_type", ()))
        reason = next((_WON_BY[kind] for kind in _WON_BY if kind in kinds), None)
        end = played["end_tick"]
        ended = last if pd.isna(end) else min(max(last, (float(end) - origin) / rate), live + ROUND_TIME + BOMB_TIME)
        if reason is None:
            reason = "time_expired" if ended - live >= float(played["round_time_limit"]) - 0.5 else "elimination"
        self._say(
            ended, "round_end", winner_team=winner, win_reason=reason, team_a_score=after["A"], team_b_score=after["B"]
        )
        return after

    def _tell_score(self, played: Any, rate: float, origin: float) -> dict[str, int]:
        """Write down that a round was played, and who won it; returns the score after it."""
        start, end = ((float(played[name]) - origin) / rate for name in ("start_tick", "end_tick"))
        after_ct, after_t = int(played["ct_score"]), int(played["t_score"])
        a_side = "T" if sides_swapped(max(1, after_ct + after_t)) else "CT"
        after = _by_team(after_ct, after_t, a_side)
        before = _by_team(after_ct - int(played["ct_wins"]), after_t - 1 + int(played["ct_wins"]), a_side)
        self._say(
            start, "round_start", team_a_score=before["A"], team_b_score=before["B"], team_a_side=a_side,
            team_b_side="T" if a_side == "CT" else "CT",
        )  # fmt: skip
        live = start + float(played["freeze_time"])
        self._say(live, "freeze_time_ended")
        self._say(
            live if math.isnan(end) else max(live, end), "round_end", winner_team=_team(played["winner_side"], a_side),
            win_reason="elimination", team_a_score=after["A"], team_b_score=after["B"],
        )  # fmt: skip
        return after

    def _equipment(self, at: float, person: Any, a_side: str) -> None:
        economy = {}
        if not pd.isna(person["equipment_value"]):
            economy = {
                "money": max(0, int(person["start_money"] - person["money_spent"])),
                "equipment_value": int(person["equipment_value"]), "has_helmet": bool(person["has_helmet"]),
                "has_defuse_kit": bool(person["has_defuse_kit"]),
            }  # fmt: skip
        player, team = self._player(person["player_id"]), _team(person["side"], a_side)
        self._say(at, "player_equipment", player_id=player, player_team=team, **economy)

    def _happenings(
        self, of_round: dict[str, pd.DataFrame], a_side: str, rate: float, origin: float, live: float
    ) -> float:
        """Hits, kills and the bomb, by tick; returns when the last of them was."""
        found: list[tuple[int, int, str, dict[str, Any]]] = []
        for hit in of_round["damages"].to_dict("records"):
            team = _team(self._sides.get(int(hit["victim_id"]), "CT"), a_side)
            found.append((int(hit["tick"]), 0, "player_hurt", {
                "attacker_player_id": NOBODY_KNOWN, "attacker_team": "B" if team == "A" else "A",
                "victim_player_id": self._player(hit["victim_id"]), "victim_team": team, "damage": 0, "weapon": "",
                "victim_health": max(0, int(hit["health"])), "victim_armor": max(0, int(hit["armor"])),
            }))  # fmt: skip
        kills, bombs = of_round["kills"].to_dict("records"), of_round["bombs"].to_dict("records")
        found += [(int(kill["tick"]), 1, "kill", self._kill(kill, a_side)) for kill in kills]
        found += [
            (int(bomb["tick"]), 2, f"bomb_{bomb['event_type']}", {})
            for bomb in bombs
            if bomb["event_type"] in ("planted", "defused", "exploded")
        ]
        last = live
        for tick, _, kind, payload in sorted(found, key=lambda one: one[:2]):
            last = max(live, (tick - origin) / rate)
            self._say(last, kind, **payload)
        return last

    def _kill(self, kill: Any, a_side: str) -> dict[str, Any]:
        victim = _team(self._sides.get(int(kill["victim_id"]), "CT"), a_side)
        nobody = pd.isna(kill["killer_id"])
        killer = victim if nobody else _team(self._sides.get(int(kill["killer_id"]), "CT"), a_side)
        weapon = kill["weapon"]
        return {
            "killer_player_id": self._player(kill["victim_id"] if nobody else kill["killer_id"]),
            "killer_team": killer, "victim_player_id": self._player(kill["victim_id"]), "victim_team": victim,
            "weapon": "" if pd.isna(weapon) else str(weapon), "is_headshot": bool(kill["is_headshot"]),
        }  # fmt: skip

    def _player(self, identifier: Any) -> str:
        """A player as pages name them; two of one name in a demo keep their numbers."""
        name = self._names.get(int(identifier))
        return str(identifier) if name is None or self._shared(name) else name

    def _shared(self, name: str) -> bool:
        return sum(self._names.get(player) == name for player in self._sides) > 1

    def _say(self, at: float, kind: str, **payload: Any) -> None:
        said = {key: value for key, value in payload.items() if value is not None}
        self._events.append((at, {"type": kind, "round_no": self._round, "payload": said}))

    def _numbered(self) -> list[dict[str, Any]]:
        begin = -min(at for at, _ in self._events)
        return [
            {
                "event_id": self._id(str(number)), "match_id": self._match, "map_id": self._map,
                "source": self._source, "seq_no": number, "ts_event": begin + at, **event,
            }
            for number, (at, event) in enumerate(self._events, start=1)
        ]  # fmt: skip

    def _id(self, what: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"cs2-replay/{self._key}/{what}"))


def _side_of_a(people: pd.DataFrame, rosters: dict[str, set[int]]) -> str:
    """The side of the team that began as CT, by who is on it now."""
    on_ct = {int(player) for player in people.loc[people["side"] == "CT", "player_id"]}
    on_t = {int(player) for player in people.loc[people["side"] == "T", "player_id"]}
    if not rosters:
        rosters["A"], rosters["B"] = on_ct, on_t
    stays = len(on_ct & rosters["A"]) + len(on_t & rosters["B"])
    swapped = len(on_t & rosters["A"]) + len(on_ct & rosters["B"])
    return "CT" if stays >= swapped else "T"


def _by_team(ct: int, t: int, a_side: str) -> dict[str, int]:
    return {"A": ct, "B": t} if a_side == "CT" else {"A": t, "B": ct}


def _team(side: str, a_side: str) -> str:
    return "A" if side == a_side else "B"


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
