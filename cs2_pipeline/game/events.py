"""The language of events: what can happen in a match, whoever recorded it.

Only typed facts belong here. A source (a demo, an export, a live feed) translates its own records into these classes;
`game.tracker` turns them into the state of the round.

Times are seconds on the source's own clock, the same clock for all events of a match: tick / tick rate for a demo.
None stands for what the source does not record, never 0 or False. A player is named by whatever identifies one in the
source, the same way throughout a match; bots are players like any other, and a human who has taken over a bot is named
as the bot.
"""

from dataclasses import dataclass
from typing import Literal

from cs2_pipeline.game.rules import Side

PlayerId = int | str
Phase = Literal["live", "warm-up", "knife"]
"""What a round counts for: only live rounds belong to the match."""


@dataclass(frozen=True, slots=True)
class PlayerAtStart:
    """A player who takes part in a round, as the round finds them. Money and value in dollars."""

    player: PlayerId
    side: Side
    money: float | None = None
    equipment_value: float | None = None
    armor: float | None = None
    has_helmet: bool | None = None
    has_defuse_kit: bool | None = None


@dataclass(frozen=True, slots=True)
class MatchStart:
    """A match begins, or begins anew: everything before it does not count."""

    time: float
    map_name: str | None = None


@dataclass(frozen=True, slots=True)
class RoundStart:
    """A round begins, with its freeze time.

    Attributes:
        ct_score, t_score: rounds won before this one by the team now on that side.
        players: those who take part, as far as they are known by name.
        ct_players, t_players: how many take part on each side; None where `players` lists them all. Where nobody is
            listed and no number is given, the number of living players is not known.
        freeze_end: when the freeze time is due to end; None where only a `FreezeEnd` will tell.
        round_time: seconds on the round clock; None for the competitive setting.
        ct_team, t_team: the teams on each side, by any name that stays the same throughout the match.
    """

    time: float
    ct_score: int | None = None
    t_score: int | None = None
    players: tuple[PlayerAtStart, ...] = ()
    ct_players: int | None = None
    t_players: int | None = None
    freeze_end: float | None = None
    round_time: float | None = None
    phase: Phase = "live"
    ct_team: str | None = None
    t_team: str | None = None


@dataclass(frozen=True, slots=True)
class FreezeEnd:
    """The freeze time is over and the round clock runs; time-outs only move this moment."""

    time: float


@dataclass(frozen=True, slots=True)
class TimeOut:
    """A pause of the freeze time: when it will end is not known until the `FreezeEnd`."""

    time: float


@dataclass(frozen=True, slots=True)
class PlayerChange:
    """What a player has from now on, by buying, picking up, dropping or being healed. None: as before.

    Attributes:
        side: the player's side, so that one who was not named so far can be placed.
    """

    time: float
    player: PlayerId
    side: Side | None = None
    money: float | None = None
    equipment_value: float | None = None
    health: float | None = None
    armor: float | None = None
    has_helmet: bool | None = None
    has_defuse_kit: bool | None = None


@dataclass(frozen=True, slots=True)
class SideEconomy:
    """A side's sums, from a source that does not tell players apart: money of all, equipment of the living."""

    time: float
    side: Side
    money: float | None = None
    equipment_value: float | None = None


@dataclass(frozen=True, slots=True)
class Damage:
    """A hit.

    Attributes:
        health, armor: the victim's after the hit; where None, they follow from what the hit took.
        health_damage, armor_damage: what the hit took.
        victim_side: needed only where the victim was not named so far.
    """

    time: float
    victim: PlayerId
    health: float | None = None
    armor: float | None = None
    health_damage: float | None = None
    armor_damage: float | None = None
    victim_side: Side | None = None


@dataclass(frozen=True, slots=True)
class Kill:
    """A death.

    Attributes:
        victim: None where the source does not tell who died.
        killer: None where the world killed, or where the source does not tell.
        weapon: in any spelling (`game.weapons`).
        killer_side, victim_side: needed only for players who were not named so far.
        is_team_kill: True where the source calls it one; else the sides decide.
    """

    time: float
    victim: PlayerId | None
    killer: PlayerId | None = None
    weapon: str | None = None
    killer_side: Side | None = None
    victim_side: Side | None = None
    is_team_kill: bool = False


@dataclass(frozen=True, slots=True)
class BombPlanted:
    """The bomb is down; ``time_left`` is the seconds to the explosion, None for the competitive setting."""

    time: float
    player: PlayerId | None = None
    site: str | None = None
    time_left: float | None = None


@dataclass(frozen=True, slots=True)
class BombDefused:
    """The bomb was defused, which ends the round."""

    time: float
    player: PlayerId | None = None


@dataclass(frozen=True, slots=True)
class BombExploded:
    """The bomb exploded, which ends the round."""

    time: float


@dataclass(frozen=True, slots=True)
class BombDropped:
    """The bomb's carrier let it fall. No field of a state depends on it."""

    time: float
    player: PlayerId | None = None


@dataclass(frozen=True, slots=True)
class RoundEnd:
    """A round is over; ``winner`` is None where nobody won or the source does not tell."""

    time: float
    winner: Side | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Disconnect:
    """A player left: no longer on the side, dead or alive, until a round begins with them."""

    time: float
    player: PlayerId


Event = (
    MatchStart
    | RoundStart
    | FreezeEnd
    | TimeOut
    | PlayerChange
    | SideEconomy
    | Damage
    | Kill
    | BombPlanted
    | BombDefused
    | BombExploded
    | BombDropped
    | RoundEnd
    | Disconnect
)
