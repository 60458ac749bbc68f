"""The types of live events: envelope, payloads, and how bytes become an event or a reason why not.

Fields are those of the contract (docs/live.md). Fields that are not known are kept in the stored bytes and have no
effect; types that are not known are accepted and counted. Both spellings of a field are read (`round_no`, `roundNo`).
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Raw, Struct

Team = Literal["A", "B"]
Text = Annotated[str, Meta(max_length=200)]
Id = Annotated[str, Meta(min_length=1, max_length=200)] | int
"""Ids of players and teams: opaque; numbers are read as their digits."""
NOBODY_KNOWN: Final = "?"
"""The id of a player the source does not tell; the team may be known all the same."""
Count = Annotated[int, Meta(ge=0, le=99)]
Dollars = Annotated[float, Meta(ge=0, le=1_000_000)]
Seconds = Annotated[float, Meta(ge=0, le=600)]

MAX_EVENT_BYTES: Final = 64 * 1024
MAX_BATCH: Final = 1_000
MAX_ROUND: Final = 200


class EventError(ValueError):
    """An event that cannot be taken.

    Args:
        field: where, as a path from the event (`payload.weapon`); "" for the whole of it.
        message: what is wrong and what was expected.
        event_id, match_id: the event's own, where they could be read.
    """

    def __init__(self, field: str, message: str, event_id: str = "", match_id: str = "") -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field, self.message, self.event_id, self.match_id = field, message, event_id, match_id


class Payload(Struct, frozen=True):
    """What every payload may be asked for."""


LineUp = Annotated[list[Id], Meta(max_length=5)]


class MatchStart(Payload, frozen=True):
    """A series begins. The last two, which we add, are the SteamIDs of those who play."""

    team_a_id: Id
    team_b_id: Id
    tournament: Text | None = None
    format: Literal["bo1", "bo3", "bo5"] | None = None
    team_a_name: Text | None = None
    team_b_name: Text | None = None
    team_a_line_up: LineUp | None = None
    team_b_line_up: LineUp | None = None


class MatchEnd(Payload, frozen=True):
    """A series is over."""

    winner_team: Team | None = None
    team_a_maps: Count | None = None
    team_b_maps: Count | None = None
    tournament: Text | None = None
    team_a_id: Id | None = None
    team_b_id: Id | None = None


class MapStart(Payload, frozen=True):
    """A map begins, or begins anew. The last two are as of `MatchStart`."""

    map_name: Text
    map_number: Annotated[int, Meta(ge=1, le=9)] = 1
    team_a_id: Id | None = None
    team_b_id: Id | None = None
    team_a_line_up: LineUp | None = None
    team_b_line_up: LineUp | None = None


class MapEnd(Payload, frozen=True):
    """A map is over."""

    winner_team: Team | None = None
    team_a_score: Count | None = None
    team_b_score: Count | None = None
    map_name: Text | None = None
    map_number: Annotated[int, Meta(ge=1, le=9)] | None = None


class RoundStart(Payload, frozen=True):
    """Freeze time begins; says who plays which side and the score before the round. The last three are ours."""

    team_a_score: Count
    team_b_score: Count
    team_a_side: Literal["CT", "T"]
    team_b_side: Literal["CT", "T"]
    team_a_id: Id | None = None
    team_b_id: Id | None = None
    team_a_players: Annotated[int, Meta(ge=0, le=5)] = 5
    team_b_players: Annotated[int, Meta(ge=0, le=5)] = 5
    round_time: Seconds | None = None


class Nothing(Payload, frozen=True):
    """Freeze time ended, time-out began or ended: the type says all."""


class EconomyUpdate(Payload, frozen=True):
    """What the teams own, dollars. `team_*_econ` is the money of the whole team."""

    team_a_econ: Dollars
    team_b_econ: Dollars
    team_a_equipment_value: Dollars | None = None
    team_b_equipment_value: Dollars | None = None
    team_a_buy_type: Literal["full", "force", "eco", "pistol"] | None = None
    team_b_buy_type: Literal["full", "force", "eco", "pistol"] | None = None


class Kill(Payload, frozen=True):
    """A player dies. `victim_team` is the other team where it is missing."""

    killer_player_id: Id
    killer_team: Team
    victim_player_id: Id
    weapon: Text
    is_headshot: bool
    victim_team: Team | None = None
    is_wallbang: bool = False
    is_through_smoke: bool = False
    is_no_scope: bool = False
    is_first_kill: bool | None = None
    attacker_blind: bool = False


class PlayerHurt(Payload, frozen=True):
    """A player loses health. The last two, which we add, are what the victim has left."""

    attacker_player_id: Id
    attacker_team: Team
    victim_player_id: Id
    victim_team: Team
    damage: Annotated[float, Meta(ge=0, le=1_000)]
    weapon: Text
    damage_armor: Annotated[float, Meta(ge=0, le=1_000)] | None = None
    hitgroup: Text | int | None = None
    victim_health: Annotated[float, Meta(ge=0, le=100)] | None = None
    victim_armor: Annotated[float, Meta(ge=0, le=100)] | None = None


class PlayerEquipment(Payload, frozen=True):
    """What one player has (ours: sources that know it, such as server logs, send it)."""

    player_id: Id
    player_team: Team
    money: Dollars | None = None
    equipment_value: Dollars | None = None
    armor: Annotated[float, Meta(ge=0, le=100)] | None = None
    has_helmet: bool | None = None
    has_defuse_kit: bool | None = None


class Bomb(Payload, frozen=True):
    """The bomb is planted, defused or explodes."""

    player_id: Id | None = None
    player_team: Team | None = None
    site: Literal["A", "B"] | None = None
    time_remaining_sec: Seconds | None = None


class RoundEnd(Payload, frozen=True):
    """A round is over; scores are those after it."""

    winner_team: Team
    win_reason: Literal["elimination", "bomb_exploded", "bomb_defused", "time_expired"]
    team_a_score: Count
    team_b_score: Count
    team_a_alive: Annotated[int, Meta(ge=0, le=5)] | None = None
    team_b_alive: Annotated[int, Meta(ge=0, le=5)] | None = None
    team_a_id: Id | None = None
    team_b_id: Id | None = None


class Correction(Payload, frozen=True):
    """An earlier event never happened (`void`), or happened otherwise (`payload`)."""

    event_id: UUID
    void: bool = False
    payload: dict[str, Any] | None = None


class RoundRestored(Payload, frozen=True):
    """The server went back to the start of a round (ours): what was played from that round on does not count."""

    round_no: Annotated[int, Meta(ge=1, le=MAX_ROUND)]


PAYLOADS: Final[Mapping[str, type[Payload]]] = {
    "match_start": MatchStart,
    "match_end": MatchEnd,
    "map_start": MapStart,
    "map_end": MapEnd,
    "round_start": RoundStart,
    "freeze_time_ended": Nothing,
    "timeout_start": Nothing,
    "timeout_end": Nothing,
    "economy_update": EconomyUpdate,
    "player_equipment": PlayerEquipment,
    "kill": Kill,
    "player_hurt": PlayerHurt,
    "bomb_planted": Bomb,
    "bomb_defused": Bomb,
    "bomb_exploded": Bomb,
    "round_end": RoundEnd,
    "round_restored": RoundRestored,
    "correction": Correction,
}
"""The payload of each known type."""


class _Envelope(Struct, frozen=True):
    event_id: UUID
    match_id: UUID
    map_id: UUID
    round_no: Annotated[int, Meta(ge=0, le=MAX_ROUND)]
    ts_event: Annotated[datetime, Meta(tz=True)]
    type: Annotated[str, Meta(min_length=1, max_length=64)]
    source: Annotated[str, Meta(min_length=1, max_length=64)]
    seq_no: Annotated[int, Meta(ge=0, le=2**53)]
    payload: Raw


class Event(Struct, frozen=True):
    """One thing that happened.

    Attributes:
        event_id, match_id, map_id: canonical text of UUIDs.
        round_no: round of the map, counted from 1; 0 where there is none.
        ts_event: when, seconds since 1970, by the source's clock.
        type: one of `PAYLOADS`, or another that only gets counted.
        source: who says so; numbering (`seq_no`) is per source and map.
        payload: typed, or None for an unknown type.
    """

    event_id: str
    match_id: str
    map_id: str
    round_no: int
    ts_event: float
    type: str
    source: str
    seq_no: int
    payload: Payload | None


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_PAYLOAD: Final = {name: msgspec.json.Decoder(kind) for name, kind in PAYLOADS.items()}
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])
_BATCH: Final = msgspec.json.Decoder(list[Raw])
_CAMEL: Final = re.compile(rb'"(?:event|match|map)Id"')
_HUMP: Final = re.compile(r"(?<=[A-Za-z0-9])([A-Z])")
"""Also between two capitals: `teamAName` is `team_a_name`."""
_PATH: Final = re.compile(r" - at `(\$?[^`]*)`$")
_MISSING: Final = re.compile(r"^Object missing required field `([^`]*)`$")


def parse(body: bytes) -> Event:
    """The event that some bytes hold.

    Raises:
        EventError: they hold none.
    """
    if len(body) > MAX_EVENT_BYTES:
        raise EventError("", f"the event has {len(body)} bytes; at most {MAX_EVENT_BYTES} are taken")
    try:
        envelope = _ENVELOPE.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _explained(error, "", *_ids_in(body)) from None
    event_id = str(envelope.event_id)
    return Event(
        event_id=event_id,
        match_id=str(envelope.match_id),
        map_id=str(envelope.map_id),
        round_no=envelope.round_no,
        ts_event=envelope.ts_event.timestamp(),
        type=envelope.type,
        source=envelope.source,
        seq_no=envelope.seq_no,
        payload=parse_payload(envelope.type, envelope.payload, event_id, str(envelope.match_id)),
    )


def parse_payload(kind: str, payload: bytes | Raw, event_id: str = "", match_id: str = "") -> Payload | None:
    """The payload of a type; None for a type that is not known.

    Raises:
        EventError: it is not what the type asks for.
    """
    decoder = _PAYLOAD.get(kind)
    try:
        found = decoder.decode(payload) if decoder else _OBJECT.decode(payload)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _explained(error, "payload", event_id, match_id) from None
    if decoder is None:
        return None
    assert isinstance(found, Payload)  # noqa: S101  # the decoders are made from PAYLOADS
    _contradictions(found, event_id, match_id)
    return found


def canonical(body: bytes) -> bytes:
    """The bytes of an event as they are stored: snake_case throughout, otherwise as they were sent.

    Raises:
        EventError: they hold no object.
    """
    if not _CAMEL.search(body):
        return body
    try:
        return msgspec.json.encode(_snake(_OBJECT.decode(body)))
    except (msgspec.DecodeError, RecursionError) as error:
        raise _explained(error, "") from None


def split(body: bytes) -> list[bytes]:
    """The events of a batch, each as its own bytes.

    Accepts a list of events and an object with a list under `events`.

    Raises:
        EventError: it is neither, or holds none or more than `MAX_BATCH`.
    """
    try:
        if body.lstrip()[:1] == b"{":
            raw = msgspec.json.decode(body, type=dict[str, Raw]).get("events")
            if raw is None:
                raise EventError("events", "missing; expected a list of events")
            found = _BATCH.decode(raw)
        else:
            found = _BATCH.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _explained(error, "events") from None
    if not 1 <= len(found) <= MAX_BATCH:
        raise EventError("events", f"{len(found)} events; 1 to {MAX_BATCH} are taken at once")
    return [bytes(one) for one in found]


def amended(event: Event, correction: Correction) -> Event:
    """An event as a correction says it was.

    Raises:
        EventError: the correction's payload is not one of the event's type.
    """
    payload = parse_payload(event.type, msgspec.json.encode(_snake(correction.payload)), event.event_id)
    return msgspec.structs.replace(event, payload=payload)


def _contradictions(payload: Payload, event_id: str, match_id: str) -> None:
    if isinstance(payload, RoundStart) and payload.team_a_side == payload.team_b_side:
        raise EventError("payload.team_b_side", f"both teams cannot play {payload.team_b_side}", event_id, match_id)
    if isinstance(payload, Correction) and payload.void == (payload.payload is not None):
        raise EventError("payload", "a correction either has `void: true` or a payload", event_id, match_id)


def _snake(value: Any) -> Any:
    if isinstance(value, dict):
        return {_HUMP.sub(lambda hump: "_" + hump[1].lower(), key): _snake(inner) for key, inner in value.items()}
    return [_snake(inner) for inner in value] if isinstance(value, list) else value


def _ids_in(body: bytes) -> tuple[str, str]:
    try:
        found = _OBJECT.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", ""
    return str(found.get("event_id", ""))[:64], str(found.get("match_id", ""))[:64]


def _explained(error: Exception, below: str, event_id: str = "", match_id: str = "") -> EventError:
    message = "nested too deeply" if isinstance(error, RecursionError) else str(error)
    path = ""
    if found := _PATH.search(message):
        path, message = found[1].removeprefix("$").removeprefix("."), message[: found.start()]
    if found := _MISSING.match(message):
        path, message = ".".join(filter(None, (path, found[1]))), "missing"
    return EventError(".".join(filter(None, (below, path))), message, event_id, match_id)
