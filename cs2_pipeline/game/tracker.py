"""The tracker: events in, the state of the round out, one event at a time.

This is the one place where an event changes what is known of a round. Demos, exports and live feeds are translated into
`game.events` and driven through it; the vectorised rebuild of whole tables (`datasets.snapshots`) is held to it by
property tests. What is not known stays None: a state says what is missing, it never says 0 instead.

The rules, in short: everybody begins with full health; a hit sets health and armour, and of hits in one moment the one
that left least counts; a hit that leaves no health is a death, and so is a kill; the dead keep their money and nothing
else; a kill of an enemy pays the killer; the bomb's defusal or explosion ends the round. Events before the freeze time
ended and after the round's end change nothing. Whatever an event could not change is counted with the reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, Final

from cs2_pipeline.game.events import (
    BombDefused,
    BombDropped,
    BombExploded,
    BombPlanted,
    Damage,
    Disconnect,
    Event,
    FreezeEnd,
    Kill,
    MatchStart,
    PlayerAtStart,
    PlayerChange,
    PlayerId,
    RoundEnd,
    RoundStart,
    SideEconomy,
    TimeOut,
)
from cs2_pipeline.game.rules import BOMB_TIME, FULL_ARMOR, FULL_HEALTH, MAX_MONEY, ROUND_TIME, TEAM_SIZE, Side
from cs2_pipeline.game.state import MAX_TEAM_MONEY, ROUND_FIELDS, decided_winner
from cs2_pipeline.game.weapons import CHEAPEST_WITH_KEVLAR, kill_reward

BEFORE_LIVE: Final = "before the freeze time ended"
AFTER_END: Final = "after the round's end"
ALREADY_DEAD: Final = "of a player already dead"
NO_PARTICIPANT: Final = "of a player who is no participant"
NO_ROUND: Final = "while no round is played"
OUT_OF_ORDER: Final = "earlier than the event before"
SECOND_PLANT: Final = "second plant of a round"
SECOND_END: Final = "second end of a round"
"""Why an event changed nothing."""

SIDES: Final[tuple[Side, Side]] = ("CT", "T")
_SUMS: Final = tuple(
    f"{side.lower()}_{name}"
    for side in SIDES
    for name in ("alive", "equip_value", "money", "health", "armor", "helmets", "defuse_kits")
)
_STATE: Final = tuple(field.name for field in ROUND_FIELDS)
_DOCUMENT_VERSION: Final = 2


def armor_at_start(has_helmet: bool | None, equipment_value: float | None) -> float | None:
    """A player's armour when a round goes live; None where neither helmet nor the value of the equipment tells."""
    if has_helmet:
        return FULL_ARMOR
    if has_helmet is False and equipment_value is not None and equipment_value < CHEAPEST_WITH_KEVLAR:
        return 0
    return None


@dataclass(slots=True)
class _Player:
    """A player of the round.

    Attributes:
        killed: the death was told, by a kill or by leaving; a hit that left no health may come before.
        armor_told: the armour is the source's, not what follows from helmet and equipment.
    """

    side: Side
    alive: bool = True
    killed: bool = False
    gone: bool = False
    health: float | None = FULL_HEALTH
    armor: float | None = None
    armor_told: bool = False
    has_helmet: bool | None = None
    has_defuse_kit: bool | None = None
    equipment_value: float | None = None
    money: float | None = None
    hit_at: float | None = None

    def set(self, told: PlayerAtStart | PlayerChange) -> None:
        """Take what is told of a player; None leaves a value as it was."""
        for name in ("equipment_value", "armor", "has_helmet", "has_defuse_kit"):
            value = getattr(told, name)
            if value is not None:
                setattr(self, name, value)
        self.armor_told = self.armor_told or told.armor is not None
        if not self.armor_told and self.hit_at is None:
            self.armor = armor_at_start(self.has_helmet, self.equipment_value)

    def after(self, hit: Damage) -> tuple[float | None, float | None]:
        """Health and armour after a hit; of hits in one moment the one that left least counts."""
        health = _left(hit.health, self.health, hit.health_damage)
        armor = _left(hit.armor, self.armor, hit.armor_damage)
        if self.hit_at != hit.time or health is None or self.health is None or health < self.health:
            return health, armor
        if self.health < health:
            return self.health, self.armor
        return health, armor if armor is None or self.armor is None else min(armor, self.armor)


def _flat(known: Any) -> dict[str, Any]:
    """As `asdict`, which takes ten times as long: there is nothing within to copy."""
    names, values = _SLOTS[type(known)]
    return dict(zip(names, values(known), strict=True))


def _round_document(begun: RoundStart) -> dict[str, Any]:
    return {**_flat(begun), "players": tuple(_flat(player) for player in begun.players)}


def _total(values: Sequence[float | None]) -> float | None:
    """The sum; None where a part of it is not known."""
    return None if None in values else sum(values)  # type: ignore[arg-type]  # there is no None


def _left(after: float | None, before: float | None, taken: float | None) -> float | None:
    if after is not None:
        return after
    return None if before is None or taken is None else max(0.0, before - taken)


@dataclass(slots=True)
class _Side:
    """What is known of a side beyond its named players.

    Attributes:
        unnamed: living players nobody has named yet; None where the number of the living is not known.
        nameless_dead: players who died without having been named.
        money, equipment_value: sums from a source that does not tell players apart.
        shared_out: True when deaths have taken their mean share from ``equipment_value`` since it was told.
    """

    unnamed: int | None = None
    nameless_dead: int = 0
    money: float | None = None
    equipment_value: float | None = None
    shared_out: bool = False


@dataclass(slots=True)
class Tracker:
    """The round that is being played, from the events so far.

    Attributes:
        time: of the last event; None before the first.
        round: the round as it began; None before the first.
        freeze_end: when it went live, or is due to; None where not known.
        clock_unknown: True when it is live and nothing told since when.
        planted_at, bomb_time: when the bomb was planted, and the seconds from then to the explosion.
        ended_at: when the round was decided by the bomb or its end was told, whichever came first.
        bomb_won: the side that the bomb's defusal or explosion made the winner; None without either.
        over: True once its end was told.
        ignored: how many events changed nothing, by reason.
    """

    map_name: str | None = None
    time: float | None = None
    round: RoundStart | None = None
    freeze_end: float | None = None
    clock_unknown: bool = False
    planted_at: float | None = None
    bomb_time: float = BOMB_TIME
    ended_at: float | None = None
    bomb_won: Side | None = None
    over: bool = False
    ignored: dict[str, int] = field(default_factory=dict)
    _players: dict[PlayerId, _Player] = field(default_factory=dict)
    _sides: dict[Side, _Side] = field(default_factory=lambda: {side: _Side() for side in SIDES})

    def apply(self, event: Event) -> str | None:
        """Take one event; events come in the order of their times.

        Returns:
            None, or why the event changed nothing; `ignored` counts the reasons.
        """
        reason = self._apply(event)
        if reason is not None:
            self.ignored[reason] = self.ignored.get(reason, 0) + 1
        return reason

    def state(self, at: float | None = None) -> dict[str, Any]:
        """The round at a moment not before the last event, by the names of `state.ROUND_FIELDS`; None: not known.

        In freeze time the full round clock is left, once the round has ended the time that was left then.

        Raises:
            ValueError: the moment lies before the last event, whose consequences are in the state already.
        """
        if at is None:
            at = self.time
        elif self.time is not None and at < self.time:
            raise ValueError(f"asked for the state at {at:g} s, but events up to {self.time:g} s have been applied")
        begun = self.round
        values: dict[str, Any] = dict(zip(_SUMS, self._sums("CT") + self._sums("T"), strict=True))
        values["ct_score"] = begun.ct_score if begun else None
        values["t_score"] = begun.t_score if begun else None
        values["bomb_planted"] = None if begun is None else int(self.planted_at is not None)
        values["time_remaining"] = None if at is None else self._time_remaining(at)
        values["map_name"] = self.map_name
        return {name: values[name] for name in _STATE}

    def is_live(self, at: float) -> bool:
        """True once the freeze time is over; without a known end of it, from the first event of play on."""
        return self.clock_unknown if self.freeze_end is None else at >= self.freeze_end

    def winner(self, at: float | None = None) -> Side | None:
        """The side that has won by the bomb, or by the state at a moment (`state.decided_winner`); None while open."""
        if self.bomb_won is not None:
            return self.bomb_won
        state = self.state(at)
        ct, t = state["ct_alive"], state["t_alive"]
        if ct is None or t is None:
            return None
        time = state["time_remaining"]
        return decided_winner(ct, t, state["bomb_planted"], ROUND_TIME if time is None else time)

    def estimated(self) -> tuple[str, ...]:
        """The fields of the state that are a share of a side's sum, because nobody told the players apart."""
        return tuple(
            f"{side.lower()}_equip_value"
            for side in SIDES
            if self._sides[side].shared_out and self._equipment(side) is None
        )

    def to_document(self) -> dict[str, Any]:
        """Everything the tracker knows, as JSON can hold it. The same events give the same document."""
        document = {name: getattr(self, name) for name in _PLAIN}
        document["version"] = _DOCUMENT_VERSION
        document["ignored"] = dict(sorted(self.ignored.items()))
        document["round"] = None if self.round is None else _round_document(self.round)
        document["sides"] = {side: _flat(known) for side, known in self._sides.items()}
        document["players"] = [{"player": player, **_flat(known)} for player, known in self._players.items()]
        return document

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Tracker":
        """The tracker that `to_document` described.

        Raises:
            ValueError: another version of the program wrote the document; replay the events instead.
        """
        if document.get("version") != _DOCUMENT_VERSION:
            raise ValueError(
                f"a tracker's document of version {document.get('version')} cannot be read, only version"
                f" {_DOCUMENT_VERSION}: replay the match's events"
            )
        tracker = cls(**{name: document[name] for name in _PLAIN}, ignored=dict(document["ignored"]))
        if begun := document["round"]:
            tracker.round = RoundStart(**(begun | {"players": tuple(PlayerAtStart(**p) for p in begun["players"])}))
        tracker._sides = {side: _Side(**document["sides"][side]) for side in SIDES}
        players = [dict(known) for known in document["players"]]
        tracker._players = {known.pop("player"): _Player(**known) for known in players}
        return tracker

    # Events

    def _apply(self, event: Event) -> str | None:
        if isinstance(event, MatchStart):
            self._begin_match(event)
            return None
        refusal = self._refusal(event)
        if refusal is None:
            self.time = event.time
            refusal = self._change(event)
        return None if refusal is None else f"{_NOUNS[type(event)]}: {refusal}"

    def _refusal(self, event: Event) -> str | None:
        """Why an event cannot count at its moment, whatever it says."""
        if self.time is not None and event.time < self.time:
            return OUT_OF_ORDER
        if isinstance(event, RoundStart):
            return None
        if self.round is None:
            return NO_ROUND
        if isinstance(event, RoundEnd):
            return SECOND_END if self.over else None
        if isinstance(event, _OF_PLAY) and self.freeze_end is not None and event.time < self.freeze_end:
            return BEFORE_LIVE
        end = self.latest_end() if self.ended_at is None else self.ended_at
        return AFTER_END if end is not None and event.time > end else None

    def _change(self, event: Event) -> str | None:
        if isinstance(event, _OF_PLAY) and self.freeze_end is None:
            self.clock_unknown = True
        match event:
            case Damage():
                return self._hit(event)
            case Kill():
                return self._kill(event)
            case PlayerChange():
                return self._update(event)
            case BombPlanted():
                return self._plant(event)
            case BombDefused() | BombExploded():
                self.ended_at, self.bomb_won = event.time, "CT" if isinstance(event, BombDefused) else "T"
            case RoundEnd():
                self.ended_at, self.over = event.time if self.ended_at is None else self.ended_at, True
            case RoundStart():
                self._begin_round(event)
            case FreezeEnd():
                self.freeze_end, self.clock_unknown = event.time, False
            case TimeOut() if not self.is_live(event.time):
                self.freeze_end = None
            case SideEconomy():
                self._economy(event)
            case Disconnect():
                return self._leave(event)
        return None

    def _begin_match(self, event: MatchStart) -> None:
        self.map_name = event.map_name or self.map_name
        self._clear()
        self.time, self.round = event.time, None

    def _begin_round(self, event: RoundStart) -> None:
        self._clear()
        self.round, self.freeze_end = event, event.freeze_end
        for begun in event.players:
            self._players[begun.player] = player = _Player(begun.side, money=begun.money)
            player.set(begun)
        for side in SIDES:
            told = event.ct_players if side == "CT" else event.t_players
            named = sum(player.side == side for player in self._players.values())
            if told is not None:
                self._sides[side].unnamed = max(0, told - named)
            elif self._players:
                self._sides[side].unnamed = 0

    def _clear(self) -> None:
        self.freeze_end = self.planted_at = self.ended_at = self.bomb_won = None
        self.clock_unknown, self.over, self.bomb_time = False, False, BOMB_TIME
        self._players = {}
        self._sides = {side: _Side() for side in SIDES}

    def _hit(self, event: Damage) -> str | None:
        victim = self._named(event.victim, event.victim_side)
        if victim is None:
            return self._stranger(event.victim_side)
        if not victim.alive:
            return ALREADY_DEAD
        health, armor = victim.after(event)
        if health is not None and health <= 0:
            self._die(victim)
        else:
            victim.health, victim.armor, victim.hit_at = health, armor, event.time
        return None

    def _kill(self, event: Kill) -> str | None:
        if event.victim is None:
            return self._nameless_death(event)
        victim = self._named(event.victim, event.victim_side)
        if victim is None:
            return self._stranger(event.victim_side)
        if victim.killed:
            return ALREADY_DEAD
        victim.killed = True
        self._reward(event, victim.side)
        self._die(victim)
        return None

    def _nameless_death(self, event: Kill) -> str | None:
        """Somebody on a side died. Only where nobody there has a name does it not matter who."""
        side = event.victim_side
        if side is None:
            return self._stranger(None)
        unnamed = self._sides[side].unnamed
        if not unnamed or any(player.side == side for player in self._players.values()):
            return self._stranger(side)
        self._share_out(side)
        self._sides[side].unnamed = unnamed - 1
        self._sides[side].nameless_dead += 1
        self._reward(event, side)
        return None

    def _reward(self, event: Kill, victim_side: Side | None) -> None:
        """What a kill of an enemy pays its killer."""
        killer = None if event.killer is None else self._named(event.killer, event.killer_side)
        side = event.killer_side if killer is None else killer.side
        if event.killer is not None and killer is None:
            self._stranger(side)
        if side is None or side == victim_side or event.is_team_kill:
            return
        paid = kill_reward(event.weapon)
        if killer is not None and killer.money is not None:
            killer.money = min(killer.money + paid, MAX_MONEY)
        team = self._sides[side]
        if team.money is not None:
            team.money = min(team.money + paid, MAX_TEAM_MONEY)

    def _die(self, victim: _Player) -> None:
        if victim.alive:
            self._share_out(victim.side)
            victim.alive = False

    def _share_out(self, side: Side) -> None:
        """Take from a side's told sum the mean share of one of its living players, who dies."""
        known, living = self._sides[side], self._alive(side)
        if known.equipment_value is not None:
            known.equipment_value = known.equipment_value * (living - 1) / living if living else None
            known.shared_out = True

    def _plant(self, event: BombPlanted) -> str | None:
        if self.planted_at is not None:
            return SECOND_PLANT
        self.planted_at = event.time
        self.bomb_time = BOMB_TIME if event.time_left is None else event.time_left
        return None

    def _update(self, event: PlayerChange) -> str | None:
        player = self._named(event.player, event.side) or self._newcomer(event)
        if player is None:
            return NO_PARTICIPANT
        if event.money is not None:
            player.money = event.money
        player.set(event)  # of the dead nothing but their money counts
        if event.health is not None:
            player.health = event.health
            if event.health <= 0:
                self._die(player)
        return None

    def _newcomer(self, event: PlayerChange) -> _Player | None:
        """A player who joins a side that is short of players while the freeze time lasts."""
        if event.side is None or self.is_live(event.time) or (self._alive(event.side) or 0) >= TEAM_SIZE:
            return None
        self._players[event.player] = player = _Player(event.side)
        return player

    def _economy(self, event: SideEconomy) -> None:
        known = self._sides[event.side]
        if event.money is not None:
            known.money = event.money
        if event.equipment_value is not None:
            known.equipment_value, known.shared_out = event.equipment_value, False

    def _leave(self, event: Disconnect) -> str | None:
        player = self._players.get(event.player)
        if player is None:
            return NO_PARTICIPANT
        self._die(player)
        player.killed = player.gone = True
        return None

    # What is known

    def _named(self, player: PlayerId, side: Side | None) -> _Player | None:
        """A player of the round; one who is named for the first time takes a place nobody had a name for."""
        known = self._players.get(player)
        if known is None and side is not None and (unnamed := self._sides[side].unnamed):
            self._sides[side].unnamed = unnamed - 1
            known = self._players[player] = _Player(side)
        return known

    def _stranger(self, side: Side | None) -> str:
        """Somebody took part who should not be there: how many live on the side is not known any more."""
        for wrong in SIDES if side is None else (side,):
            self._sides[wrong].unnamed = None
        return NO_PARTICIPANT

    def _alive(self, side: Side) -> int | None:
        unnamed = self._sides[side].unnamed
        if unnamed is None:
            return None
        return unnamed + sum(player.alive and player.side == side for player in self._players.values())

    def _living(self, side: Side) -> list[_Player]:
        """The named players of a side who live."""
        return [player for player in self._players.values() if player.alive and player.side == side]

    def _equipment(self, side: Side) -> float | None:
        """The worth of what a side's living carry, from the players; None where some of it is not known."""
        if self._sides[side].unnamed != 0:
            return None
        return _total([player.equipment_value for player in self._living(side)])

    def _money(self, side: Side) -> float | None:
        """The money of everybody on a side where all who live are named, dead or alive."""
        known = self._sides[side]
        if known.nameless_dead:
            return known.money
        total = _total([player.money for player in self._players.values() if player.side == side and not player.gone])
        return known.money if total is None else total

    def _sums(self, side: Side) -> tuple[float | None, ...]:
        """One side's part of the state, in the order of `_SUMS`."""
        known, living = self._sides[side], self._living(side)
        unnamed = known.unnamed
        if unnamed is None:
            return None, known.equipment_value, known.money, None, None, None, None
        health = _total([player.health for player in living])
        whole = None if health is None else health + unnamed * FULL_HEALTH
        if unnamed:  # what nobody was named for is not known
            return len(living) + unnamed, known.equipment_value, known.money, whole, None, None, None
        value = _total([player.equipment_value for player in living])
        return (
            len(living),
            known.equipment_value if value is None else value,
            self._money(side),
            whole,
            _total([player.armor for player in living]),
            _total([player.has_helmet for player in living]),
            _total([player.has_defuse_kit for player in living]),
        )

    def _time_remaining(self, at: float) -> float | None:
        if self.ended_at is not None:
            at = min(at, self.ended_at)
        if self.planted_at is not None:
            return max(0.0, self.bomb_time - (at - self.planted_at))
        if self.round is None or self.clock_unknown:
            return None
        limit = self._round_time()
        return limit if self.freeze_end is None else min(limit, max(0.0, limit - (at - self.freeze_end)))

    def _round_time(self) -> float:
        told = None if self.round is None else self.round.round_time
        return ROUND_TIME if told is None else told

    def latest_end(self) -> float | None:
        """When the round must be over, by its clocks, whether or not its end was recorded."""
        return None if self.freeze_end is None else self.freeze_end + self._round_time() + BOMB_TIME


_SLOTS: Final = {
    kind: (names := [field.name for field in fields(kind)], attrgetter(*names))
    for kind in (_Player, _Side, RoundStart, PlayerAtStart)
}
"""Names of the attributes of what is written into documents, and how to get them all."""

_OF_PLAY: Final = (Damage, Kill, BombPlanted, BombDefused, BombExploded)
"""What can only happen once the round is live."""

_PLAIN: Final = (
    "map_name", "time", "freeze_end", "clock_unknown", "planted_at", "bomb_time", "ended_at", "bomb_won", "over",
)  # fmt: skip
"""Attributes of a `Tracker` that JSON holds as they are."""

_NOUNS: Final[dict[type, str]] = {
    Damage: "hits",
    Kill: "kills",
    BombPlanted: "bomb events",
    BombDefused: "bomb events",
    BombExploded: "bomb events",
    BombDropped: "bomb events",
    PlayerChange: "changes of a player",
    SideEconomy: "economies",
    Disconnect: "players who left",
    RoundStart: "round starts",
    RoundEnd: "round ends",
    FreezeEnd: "ends of freeze time",
    TimeOut: "time-outs",
}
"""What the kinds of events are called where they are counted."""
