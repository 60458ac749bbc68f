"""A match from its events, one at a time and in order: teams, score, sides, the state of the round, what players did.

The round's state is kept by `game.tracker`; here the live feed's events are translated for it (teams A and B to the
side they play) and everything around a round is kept. Nothing here looks at a clock or at the order of arrival, so
the same events give the same `Fold`, of which `digest` is the proof.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal

import msgspec

from cs2_pipeline.game import events as game
from cs2_pipeline.game.rules import TEAM_SIZE, Side
from cs2_pipeline.game.tracker import NO_ROUND, Tracker
from cs2_pipeline.live import events as live
from cs2_pipeline.live.events import Event, Team
from cs2_pipeline.live.steam import steam_id

OTHER: Final[Mapping[Team, Team]] = {"A": "B", "B": "A"}
_OPPOSITE: Final[Mapping[Side, Side]] = {"CT": "T", "T": "CT"}
BEST_OF: Final = {"bo1": 1, "bo3": 3, "bo5": 5}
MOMENTUM_KEPT: Final = 0.7
"""Share of a team's momentum that a round leaves standing; see docs/live.md."""

Phase = Literal["round", "between", "over"]
NO_SIDES: Final = "before a round_start said who plays which side"


@dataclass(slots=True)
class RoundRecord:
    """What happened in a round, by team."""

    number: int
    kills: dict[Team, int] = field(default_factory=lambda: {"A": 0, "B": 0})
    headshots: dict[Team, int] = field(default_factory=lambda: {"A": 0, "B": 0})
    winner: Team | None = None
    reason: str | None = None
    momentum: float = 0.0
    a_side: Side = "CT"


@dataclass(slots=True)
class Line:
    """A player's line on a map."""

    team: Team
    kills: int = 0
    deaths: int = 0
    headshots: int = 0
    damage: float = 0.0


@dataclass(slots=True)
class MapFold:
    """One map of a match.

    Attributes:
        five: by team, the SteamIDs of the first five players whose equipment was told.
    """

    map_id: str
    name: str | None = None
    number: int | None = None
    tracker: Tracker = field(default_factory=Tracker)
    a_side: Side | None = None
    score: dict[Team, int] = field(default_factory=lambda: {"A": 0, "B": 0})
    phase: Phase = "between"
    winner: Team | None = None
    round_no: int = 0
    rounds: dict[int, RoundRecord] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)
    five: dict[Team, list[str]] = field(default_factory=lambda: {"A": [], "B": []})
    source: str = ""
    shift: float = 0.0
    counted: bool = True

    def side(self, team: Team) -> Side | None:
        """The side a team plays now."""
        if self.a_side is None:
            return None
        return self.a_side if team == "A" else _OPPOSITE[self.a_side]

    def won_by_bomb(self) -> Team | None:
        """The team whom a defusal or an explosion has made the winner of the round under way."""
        won = self.tracker.bomb_won
        return None if won is None else "A" if won == self.a_side else "B"

    def time_of(self, event: Event) -> float:
        """The event's time on the tracker's clock, which never goes back: clocks of two sources may differ."""
        last = self.tracker.time
        if event.source != self.source:
            self.source = event.source
            self.shift = max(0.0, last - event.ts_event) if last is not None else 0.0
        moment = event.ts_event + self.shift
        return moment if last is None else max(last, moment)


@dataclass(frozen=True, slots=True)
class Moment:
    """The match right after an event: all that its price depends on.

    Attributes:
        version: how many events have been applied.
        time: on the tracker's clock.
        state: of the round, by the names of `game.state.ROUND_FIELDS`, None where not known; None between rounds.
        score: rounds won by A and B, this round not counted while it is played.
        round_winner: of the round that just ended, until the next one begins; before its end is told, whom the bomb
            made its winner.
        maps: maps won by A and B.
        line_ups: SteamIDs of those who play for A and B, sorted; None before both are known.
        day: on which the match began, counted from 1970-01-01.
    """

    event_id: str
    trigger: str
    match_id: str
    map_id: str
    map_name: str | None
    map_number: int
    round_no: int
    version: int
    time: float
    phase: Phase
    state: dict[str, Any] | None
    a_side: Side | None
    score: tuple[int, int]
    round_winner: Team | None
    map_winner: Team | None
    maps: tuple[int, int]
    best_of: int
    match_winner: Team | None
    over: bool
    line_ups: tuple[tuple[str, ...], tuple[str, ...]] | None
    day: int


@dataclass(slots=True)
class Fold:
    """A match, as its events so far tell it.

    Attributes:
        line_ups: by team, the players that a source named as its line-up.
    """

    match_id: str
    teams: dict[Team, dict[str, str | None]] = field(
        default_factory=lambda: {"A": {"id": None, "name": None}, "B": {"id": None, "name": None}}
    )
    tournament: str | None = None
    format: str | None = None
    began: float | None = None
    last: float | None = None
    over: bool = False
    winner: Team | None = None
    maps: dict[str, MapFold] = field(default_factory=dict)
    current: str | None = None
    line_ups: dict[Team, list[str]] = field(default_factory=dict)
    version: int = 0
    ignored: dict[str, int] = field(default_factory=dict)

    def apply(self, event: Event) -> Moment | None:
        """Take the next event. None for a type that is not known: it is counted and changes nothing."""
        self.version += 1
        if event.payload is None:
            self._ignore(f"unknown type {event.type}")
            return None
        self.began = event.ts_event if self.began is None else self.began
        self.last = event.ts_event
        payload = event.payload
        if isinstance(payload, live.MatchStart):
            self._match_start(payload)
            return self.moment(event)
        if isinstance(payload, live.MatchEnd):
            self._match_end(payload)
            return self.moment(event)
        of_map = self.maps.setdefault(event.map_id, MapFold(event.map_id))
        self.current = event.map_id
        reason = self._on_map(of_map, event)
        if reason is not None:
            self._ignore(reason)
        return self.moment(event)

    def moment(self, event: Event) -> Moment:
        """The match now, as the outcome of an event."""
        of_map = self.maps[self.current] if self.current else MapFold(event.map_id)
        in_round = of_map.phase == "round" and of_map.counted
        latest = of_map.rounds.get(of_map.round_no)
        won, maps = of_map.won_by_bomb(), self.maps_won()
        return Moment(
            event_id=event.event_id, trigger=event.type, match_id=self.match_id, map_id=of_map.map_id,
            map_name=of_map.name, map_number=of_map.number or 1, round_no=of_map.round_no, version=self.version,
            time=of_map.tracker.time or event.ts_event, phase=of_map.phase if of_map.counted else "between",
            state=of_map.tracker.state() if in_round else None, a_side=of_map.a_side,
            score=(of_map.score["A"], of_map.score["B"]),
            round_winner=latest.winner if latest and of_map.phase == "between" else won if in_round else None,
            map_winner=of_map.winner, maps=(maps["A"], maps["B"]), best_of=BEST_OF.get(self.format or "", 1),
            match_winner=self.winner, over=self.over, line_ups=self._who_plays(of_map),
            day=int((self.began or 0.0) // 86_400),
        )  # fmt: skip

    def _who_plays(self, of_map: MapFold) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
        """Both line-ups: as a source named them, else who was seen; None where they are not known or overlap."""
        seen = {team: players for team, players in of_map.five.items() if len(players) == TEAM_SIZE}
        named = seen | self.line_ups
        return _opponents(tuple(named["A"]), tuple(named["B"])) if len(named) == len(OTHER) else None

    def maps_won(self) -> dict[Team, int]:
        """Maps won by each team."""
        winners = [of_map.winner for of_map in self.maps.values()]
        return {"A": winners.count("A"), "B": winners.count("B")}

    def document(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        plain = msgspec.to_builtins({name: getattr(self, name) for name in self.__slots__ if name != "maps"})
        plain["maps"] = [_map_document(of_map) for of_map in self.maps.values()]
        return dict(plain)

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Fold":
        """The match that `document` described.

        Raises:
            KeyError, TypeError, ValueError: another version of the program wrote the document.
        """
        maps = [_map_from(of_map) for of_map in document["maps"]]
        return cls(**(document | {"maps": {of_map.map_id: of_map for of_map in maps}}))

    def digest(self) -> str:
        """The hash of the whole state: equal for equal events."""
        return hashlib.sha256(msgspec.json.encode(self.document(), order="deterministic")).hexdigest()

    def _ignore(self, reason: str) -> None:
        self.ignored[reason] = self.ignored.get(reason, 0) + 1

    # Around the maps

    def _match_start(self, payload: live.MatchStart) -> None:
        self._name_teams(payload.team_a_id, payload.team_b_id, payload.team_a_name, payload.team_b_name)
        self._name_players(payload)
        self.tournament = payload.tournament or self.tournament
        self.format = payload.format or self.format
        self.over, self.winner = False, None

    def _match_end(self, payload: live.MatchEnd) -> None:
        won = self.maps_won()
        leader: Team | None = "A" if won["A"] > won["B"] else "B" if won["B"] > won["A"] else None
        self.over, self.winner = True, payload.winner_team or leader

    def _name_teams(self, *told: str | int | None) -> None:
        for (team, key), value in zip((("A", "id"), ("B", "id"), ("A", "name"), ("B", "name")), told, strict=False):
            if value is not None:
                self.teams[team][key] = str(value)  # type: ignore[index]  # A or B

    def _name_players(self, told: live.MatchStart | live.MapStart) -> None:
        for team, players in (("A", told.team_a_line_up), ("B", told.team_b_line_up)):
            if players:
                self.line_ups[team] = sorted({steam_id(str(one)) or str(one) for one in players})  # type: ignore[index]

    # On a map

    def _on_map(self, of_map: MapFold, event: Event) -> str | None:  # noqa: PLR0911  # one for each type
        payload, time = event.payload, of_map.time_of(event)
        match payload:
            case live.MapStart():
                return self._map_start(of_map, payload, time)
            case live.MapEnd():
                return _map_end(of_map, payload)
            case live.RoundStart():
                self._name_teams(payload.team_a_id, payload.team_b_id)
                return _round_start(of_map, event, payload, time)
            case live.RoundEnd():
                return _round_end(of_map, payload, time)
            case live.RoundRestored():
                of_map.rounds = {n: one for n, one in of_map.rounds.items() if n < payload.round_no}
                of_map.phase, of_map.round_no, of_map.winner = "between", payload.round_no - 1, None
                return None
        if of_map.a_side is None:
            return NO_SIDES
        return _in_round(of_map, event, time) if of_map.phase == "round" else NO_ROUND

    def _map_start(self, of_map: MapFold, payload: live.MapStart, time: float) -> str | None:
        """A map begins, or begins anew: a false start and what was played in it do not count."""
        self._name_teams(payload.team_a_id, payload.team_b_id)
        self._name_players(payload)
        fresh = MapFold(of_map.map_id, payload.map_name, payload.map_number)
        fresh.source, fresh.shift = of_map.source, of_map.shift
        fresh.tracker.apply(game.MatchStart(time, payload.map_name))
        self.maps[of_map.map_id] = fresh
        return None


@lru_cache(1024)
def _opponents(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    return None if set(a) & set(b) else (tuple(sorted(a)), tuple(sorted(b)))


def _map_end(of_map: MapFold, payload: live.MapEnd) -> str | None:
    for team, told in (("A", payload.team_a_score), ("B", payload.team_b_score)):
        if told is not None:
            of_map.score[team] = told  # type: ignore[index]  # A or B
    ahead = of_map.score["A"] - of_map.score["B"]
    of_map.winner = payload.winner_team or ("A" if ahead > 0 else "B" if ahead < 0 else None)
    of_map.phase = "over"
    return None


def _round_start(of_map: MapFold, event: Event, payload: live.RoundStart, time: float) -> str | None:
    of_map.a_side, of_map.phase, of_map.winner = payload.team_a_side, "round", None
    of_map.counted = event.round_no > 0
    of_map.score = {"A": payload.team_a_score, "B": payload.team_b_score}
    a_is_ct = payload.team_a_side == "CT"
    ct, t = ("A", "B") if a_is_ct else ("B", "A")
    if of_map.counted:
        before = of_map.rounds.get(event.round_no - 1)
        of_map.rounds = {n: one for n, one in of_map.rounds.items() if n < event.round_no}
        of_map.rounds[event.round_no] = RoundRecord(
            event.round_no, momentum=before.momentum if before else 0.0, a_side=payload.team_a_side
        )
        of_map.round_no = event.round_no
    return of_map.tracker.apply(
        game.RoundStart(
            time, ct_score=of_map.score[ct], t_score=of_map.score[t],  # type: ignore[index]  # A or B
            ct_players=payload.team_a_players if a_is_ct else payload.team_b_players,
            t_players=payload.team_b_players if a_is_ct else payload.team_a_players,
            round_time=payload.round_time, phase="live" if of_map.counted else "knife",
            ct_team=ct, t_team=t,
        )
    )  # fmt: skip


def _round_end(of_map: MapFold, payload: live.RoundEnd, time: float) -> str | None:
    of_map.phase = "between"
    if of_map.counted:
        of_map.score = {"A": payload.team_a_score, "B": payload.team_b_score}
        record = of_map.rounds.setdefault(of_map.round_no, RoundRecord(of_map.round_no))
        record.winner, record.reason = payload.winner_team, payload.win_reason
        won = 1.0 if payload.winner_team == "A" else -1.0
        record.momentum = MOMENTUM_KEPT * record.momentum + (1 - MOMENTUM_KEPT) * won
    if of_map.a_side is None:
        return NO_SIDES
    return of_map.tracker.apply(game.RoundEnd(time, of_map.side(payload.winner_team), payload.win_reason))


def _in_round(of_map: MapFold, event: Event, time: float) -> str | None:  # noqa: PLR0911  # one for each type
    """What happens within a round: translated for the tracker; None, or why it changed nothing."""
    tracker, payload = of_map.tracker, event.payload
    match payload:
        case live.Kill():
            return _kill(of_map, payload, time)
        case live.PlayerHurt():
            return _hurt(of_map, payload, time)
        case live.EconomyUpdate():
            for team, money, value in (
                ("A", payload.team_a_econ, payload.team_a_equipment_value),
                ("B", payload.team_b_econ, payload.team_b_equipment_value),
            ):
                side = of_map.side(team)  # type: ignore[arg-type]  # A or B
                if side and (reason := tracker.apply(game.SideEconomy(time, side, money, value))):
                    return reason
            return None
        case live.PlayerEquipment():
            _see(of_map, payload)
            return tracker.apply(
                game.PlayerChange(
                    time, str(payload.player_id), of_map.side(payload.player_team), payload.money,
                    payload.equipment_value, None, payload.armor, payload.has_helmet, payload.has_defuse_kit,
                )
            )  # fmt: skip
        case live.Bomb():
            if event.type == "bomb_planted":
                return tracker.apply(game.BombPlanted(time, time_left=payload.time_remaining_sec))
            ended = game.BombDefused(time) if event.type == "bomb_defused" else game.BombExploded(time)
            return tracker.apply(ended)
    if event.type == "freeze_time_ended":
        return tracker.apply(game.FreezeEnd(time))
    return tracker.apply(game.TimeOut(time)) if event.type == "timeout_start" else None


def _see(of_map: MapFold, payload: live.PlayerEquipment) -> None:
    """Note who plays."""
    player, five = steam_id(str(payload.player_id)), of_map.five[payload.player_team]
    if player is not None and len(five) < TEAM_SIZE and player not in five:
        five.append(player)


def _kill(of_map: MapFold, payload: live.Kill, time: float) -> str | None:
    killer, victim = str(payload.killer_player_id), str(payload.victim_player_id)
    of_team = payload.victim_team or OTHER[payload.killer_team]
    reason = of_map.tracker.apply(
        game.Kill(
            time, victim, None if killer == live.NOBODY_KNOWN else killer, payload.weapon,
            of_map.side(payload.killer_team), of_map.side(of_team),
            is_team_kill=of_team == payload.killer_team,
        )
    )  # fmt: skip
    if reason is None and of_map.counted:
        _line(of_map, victim, of_team).deaths += 1
        if of_team != payload.killer_team:
            record = of_map.rounds[of_map.round_no]
            if killer != live.NOBODY_KNOWN:
                line = _line(of_map, killer, payload.killer_team)
                line.kills += 1
                line.headshots += payload.is_headshot
            record.kills[payload.killer_team] += 1
            record.headshots[payload.killer_team] += payload.is_headshot
    return reason


def _hurt(of_map: MapFold, payload: live.PlayerHurt, time: float) -> str | None:
    reason = of_map.tracker.apply(
        game.Damage(
            time, str(payload.victim_player_id), payload.victim_health, payload.victim_armor, payload.damage,
            payload.damage_armor, of_map.side(payload.victim_team),
        )
    )  # fmt: skip
    attacker = str(payload.attacker_player_id)
    enemies = payload.attacker_team != payload.victim_team
    if reason is None and of_map.counted and enemies and attacker != live.NOBODY_KNOWN:
        _line(of_map, attacker, payload.attacker_team).damage += payload.damage
    return reason


def _line(of_map: MapFold, player: str, team: Team) -> Line:
    return of_map.lines.setdefault(player, Line(team))


def _map_document(of_map: MapFold) -> dict[str, Any]:
    plain = {name: getattr(of_map, name) for name in of_map.__slots__ if name != "tracker"}
    return {**msgspec.to_builtins(plain, str_keys=True), "tracker": of_map.tracker.to_document()}


def _map_from(document: dict[str, Any]) -> MapFold:
    parts = {
        "tracker": Tracker.from_document(document["tracker"]),
        "rounds": {int(number): RoundRecord(**record) for number, record in document["rounds"].items()},
        "lines": {player: Line(**line) for player, line in document["lines"].items()},
    }
    return MapFold(**(document | parts))
