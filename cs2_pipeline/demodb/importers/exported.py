"""A match as other programs exported it, in one form, and its way into the form of `parsed`.

What the formats have in common belongs here: which columns an exported match has, what makes one impossible to
import, how parts of one map are joined. Each format's own names live in its reader (`cs_demo_analyzer`,
`csv_export`, `demo_format`).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import pandas as pd

from cs2_pipeline.demodb.importers.checksum import key
from cs2_pipeline.demodb.importers.parsed import (
    STATE_COLUMNS,
    TICK_RATE,
    DemoHeader,
    Missing,
    ParsedDemo,
    UnreadableDemoError,
)
from cs2_pipeline.demodb.importers.same_match import Recorded
from cs2_pipeline.game import rules
from cs2_pipeline.game.rules import FULL_HEALTH
from cs2_pipeline.game.weapons import canonical

ROUND_COLUMNS: Final = ("number", "start_tick", "freeze_end_tick", "end_tick", "winner", "reason")
ECONOMY_COLUMNS: Final = ("round", "steamid", "name", "side", "start_money", "money_spent", "equipment_value")
_OWNED: Final = ECONOMY_COLUMNS[-3:]
KILL_COLUMNS: Final = (
    "round",
    "tick",
    "attacker_steamid",
    "attacker_name",
    "attacker_side",
    "user_steamid",
    "user_name",
    "user_side",
    "assister_steamid",
    "weapon",
    "headshot",
    "penetrated",
    "assistedflash",
    "distance",
)
HIT_COLUMNS: Final = (
    "round",
    "tick",
    "attacker_steamid",
    "attacker_side",
    "user_steamid",
    "user_side",
    "weapon",
    "dmg_health",
    "dmg_armor",
    "health",
    "armor",
    "hitgroup",
)
BOMB_COLUMNS: Final = ("event", "round", "tick", "user_steamid", "site")
BUY_COLUMNS: Final = ("round", "tick", "steamid", "side", "item")

_FRAMES: Final = ("rounds", "economies", "kills", "hits", "bombs", "buys")

NO_DATE: Final = "the export does not say when the match was played"
"""How the reason begins when only a date is missing."""

PARTS_MISSING: Final = "a part of a map whose other parts are not here"
"""How the reason continues when only other parts of a map are missing."""

_PART: Final = re.compile(r"^(?P<map>.+)-p(?P<part>\d)$")
_SMALLEST_SIDE: Final = 3
"""Players a side must have in most rounds: two against two is another game."""
_DEFAULT_FREEZE: Final = rules.FREEZE_TIME * TICK_RATE


@dataclass(frozen=True)
class ExportedMatch:
    """One match of an export. Ticks are the demo's; sides are "CT" and "T"; an unknown value is NaN or None.

    Attributes:
        keys: what the match is known by in the ledger, see `checksum.key`.
        name: the demo's name without its ending.
        source: the exporter, as the database keeps it.
        game: cs2 or csgo.
        started: when it was played (UTC); None where the export does not say.
        max_rounds: rounds of regulation time.
        rounds, economies, kills, hits, bombs, buys: columns as listed above; None for what the export does not hold.
            `economies` may also have the columns has_armor, has_helmet and has_defuser.
        others: further events as `parsed.ParsedDemo` has them.
        damage: by SteamID the damage dealt in the match.
    """

    keys: tuple[str, ...]
    name: str
    source: str
    game: str
    map_name: str | None
    started: datetime | None
    tick_rate: float
    last_tick: int
    max_rounds: int
    server_name: str | None
    rounds: pd.DataFrame
    economies: pd.DataFrame
    kills: pd.DataFrame
    hits: pd.DataFrame | None = None
    bombs: pd.DataFrame | None = None
    buys: pd.DataFrame | None = None
    others: dict[str, pd.DataFrame] = field(default_factory=dict)
    damage: dict[int, int] = field(default_factory=dict)


def demo_key(recorded: str) -> str:
    """The ledger's key of an exported demo checksum.

    Raises:
        UnreadableDemoError: there is none.
    """
    if not recorded.strip():
        raise UnreadableDemoError(
            "the export has no checksum of the demo: export it again with a newer cs-demo-analyzer"
        )
    return key(recorded)


def without_last_economy(economies: pd.DataFrame, rounds: pd.DataFrame) -> pd.DataFrame:
    """The economies without the money and equipment of the last round, which are then not known.

    cs-demo-analyzer, and CS Demo Manager with it, makes those of the last round anew when the match is over: the
    money then holds what the round paid, $3,250 or more to the winners, and so tells who won.
    """
    last = economies["round"] == rounds["number"].max()
    return economies.assign(**{name: economies[name].mask(last) for name in _OWNED})


def moment(recorded: object) -> datetime | None:
    """The UTC time of an exported date; None where it is blank or no date."""
    found = pd.to_datetime(str(recorded), errors="coerce", utc=True, format="ISO8601")
    return None if pd.isna(found) else found.to_pydatetime().replace(tzinfo=None)


def parsed(match: ExportedMatch) -> ParsedDemo:
    """The match in the form that `assemble` takes. Ticks become those of a demo with 64 a second.

    Raises:
        UnreadableDemoError: it is not a match of five-player teams with a date and a round that was played.
    """
    if match.started is None:
        raise UnreadableDemoError(f"{NO_DATE}; say it: cs2 ingest exports --date YYYY-MM-DD PATH")
    match = _at_64_ticks(match)
    rounds = _played(match)
    _refuse_small_teams(match)
    missing: dict[Missing, bool] = {"hits": match.hits is None, "plants": match.bombs is None}
    return ParsedDemo(
        source=match.source,
        header=DemoHeader(map_name=match.map_name, server_name=match.server_name, demo_type=match.name),
        events=_events(match, rounds),
        settings={"mp_maxrounds": str(match.max_rounds)},
        states=_states(match, rounds),
        total_ticks=match.last_tick,
        game=match.game,
        lacks=frozenset(name for name, absent in missing.items() if absent),
        started=match.started,
        ended=True,
        damage=match.damage,
    )


def _at_64_ticks(match: ExportedMatch) -> ExportedMatch:
    """The match as a server of 64 ticks would have recorded it."""
    factor = TICK_RATE / match.tick_rate if match.tick_rate > 0 else 1.0
    if abs(factor - 1) < 0.01:
        return match

    def moved(frame: pd.DataFrame | None) -> pd.DataFrame | None:
        if frame is None:
            return None
        ticks = [name for name in frame if name == "tick" or str(name).endswith("_tick")]
        return frame.assign(**{str(name): (frame[name] * factor).round().astype("int64") for name in ticks})

    frames: dict[str, Any] = {name: moved(getattr(match, name)) for name in _FRAMES}
    others = {name: frame for name, shots in match.others.items() if (frame := moved(shots)) is not None}
    return replace(match, **frames, others=others, last_tick=round(match.last_tick * factor))


def _played(match: ExportedMatch) -> pd.DataFrame:
    """The rounds in order, with a moment at which each went live; the ends of those that did not end are null.

    Raises:
        UnreadableDemoError: no round was won.
    """
    rounds = match.rounds.sort_values("start_tick", kind="stable", ignore_index=True)
    usual = (rounds["freeze_end_tick"] - rounds["start_tick"]).where(rounds["freeze_end_tick"] > rounds["start_tick"])
    freeze = usual.median() if usual.notna().any() else _DEFAULT_FREEZE
    live = rounds["freeze_end_tick"].where(usual.notna(), rounds["start_tick"] + freeze).astype("int64")
    ended = (rounds["end_tick"] > live) & rounds["winner"].isin(["CT", "T"])
    if not ended.any():
        raise UnreadableDemoError("the export holds no round that somebody won")
    return rounds.assign(freeze_end_tick=live, ended=ended)


def _refuse_small_teams(match: ExportedMatch) -> None:
    sizes = match.economies.groupby(["round", "side"])["steamid"].nunique()
    if sizes.median() < _SMALLEST_SIDE:
        raise UnreadableDemoError(
            f"teams of {sizes.median():g}: only matches of five against five are imported; two against two is another "
            "game"
        )


def _events(match: ExportedMatch, rounds: pd.DataFrame) -> dict[str, pd.DataFrame]:
    ended = rounds[rounds["ended"]]
    events = {
        "round_start": pd.DataFrame({"tick": rounds["start_tick"]}),
        "round_freeze_end": pd.DataFrame({"tick": rounds["freeze_end_tick"]}),
        "round_end": pd.DataFrame({"tick": ended["end_tick"], "winner": ended["winner"], "reason": ended["reason"]}),
        "player_death": _named(match.kills),
        **match.others,
    }
    if match.hits is not None:
        events["player_hurt"] = _named(match.hits)
    if match.bombs is not None:
        events |= {str(name): rows for name, rows in match.bombs.groupby("event")}
    return events


def _named(events: pd.DataFrame) -> pd.DataFrame:
    """Events with weapons as the game names them. The bomb and the world kill without a name."""
    weapons = {name: _weapon(name) for name in events["weapon"].dropna().unique()}
    named = events.assign(weapon=events["weapon"].map(weapons))
    if "attacker_name" in named:
        nobody = named["attacker_name"].isin(["World", "world"]) & (named["attacker_steamid"] == 0)
        named["attacker_name"] = named["attacker_name"].mask(nobody)
    return named


def _weapon(exported: str) -> str:
    """The game's name of a weapon. What exporters call M4A1 is the silenced one; the other is M4A4."""
    if exported == "M4A1":
        return "m4a1_silencer"
    if exported in ("Molotov", "Incendiary Grenade", "inferno"):
        return "inferno"
    return canonical(exported) or exported.lower().replace(" ", "_")


def _states(match: ExportedMatch, rounds: pd.DataFrame) -> pd.DataFrame:
    """The players at the end of each freeze time: who has an economy, and who else acted in the round."""
    ticks = rounds.set_index("number")["freeze_end_tick"]
    owned = match.economies.assign(tick=match.economies["round"].map(ticks)).dropna(subset=["tick"])
    owned = (
        owned.merge(_bought(match, rounds), on=["round", "steamid"], how="left") if match.buys is not None else owned
    )
    states = pd.DataFrame(
        {
            "tick": owned["tick"],
            "steamid": owned["steamid"],
            "name": owned["name"],
            "team_num": owned["side"],
            "balance": owned["start_money"] - owned["money_spent"],
            "cash_spent_this_round": owned["money_spent"],
            "current_equip_value": owned["equipment_value"],
            "health": FULL_HEALTH,
            "armor_value": owned.get("armor"),
            "has_helmet": owned.get("has_helmet"),
            "has_defuser": owned.get("has_defuser"),
        }
    )
    return pd.concat([states, _without_economy(match, states, ticks)], ignore_index=True)[list(STATE_COLUMNS)]


def _without_economy(match: ExportedMatch, states: pd.DataFrame, ticks: pd.Series) -> pd.DataFrame:
    """Players who did something in a round in which the export has no economy of them: bots, and who came late.

    Without them a side would look smaller than it was. What they owned is not known.
    """
    seen = pd.concat(list(_sightings(match)))
    seen = seen[seen["team_num"].isin(["CT", "T"]) & ((seen["steamid"] != 0) | seen["name"].notna())]
    seen = seen.drop_duplicates(["round", "steamid", "name"])
    seen = seen.assign(tick=seen["round"].map(ticks), health=FULL_HEALTH).dropna(subset=["tick"])
    there = pd.MultiIndex.from_frame(states[["tick", "steamid"]])
    human = (seen["steamid"] != 0) & pd.MultiIndex.from_frame(seen[["tick", "steamid"]]).isin(there)
    rest = seen[~human].drop_duplicates(["tick", "steamid", "name"])
    return rest.reindex(columns=list(STATE_COLUMNS)).astype({"tick": "int64"})


def _sightings(match: ExportedMatch) -> Iterator[pd.DataFrame]:
    """Who acted in which round on which side: round, steamid, name, team_num. Bots are known by name alone."""
    names = match.economies.set_index("steamid")["name"].to_dict()
    frames = [(match.kills, "attacker"), (match.kills, "user"), (match.hits, "attacker"), (match.hits, "user")]
    for frame, role in frames:
        if frame is not None:
            seen = frame[["round", f"{role}_steamid", f"{role}_side"]].set_axis(
                ["round", "steamid", "team_num"], axis=1
            )
            known = frame.get(f"{role}_name")
            yield seen.assign(name=seen["steamid"].map(names) if known is None else known)
    if match.buys is not None:
        bought = match.buys[["round", "steamid", "side"]].set_axis(["round", "steamid", "team_num"], axis=1)
        yield bought.assign(name=bought["steamid"].map(names))


def _bought(match: ExportedMatch, rounds: pd.DataFrame) -> pd.DataFrame:
    """Who wears a helmet and who carries a kit in each round, from what was bought.

    Both are kept by who survives a round, until sides are changed. A kit picked up from the ground is not seen.
    """
    assert match.buys is not None  # noqa: S101  # asked for only with buys
    died = set(zip(match.kills["round"], match.kills["user_steamid"], strict=True))
    items = {name: canonical(name) or name for name in match.buys["item"].unique()}
    bought: dict[tuple[int, int], set[str]] = {}
    for number, who, item in zip(match.buys["round"], match.buys["steamid"], match.buys["item"], strict=True):
        bought.setdefault((number, who), set()).add("helmet" if item == "Kevlar + Helmet" else items[item])
    of_round = dict(iter(match.economies.groupby("round")["steamid"]))
    has: dict[int, set[str]] = {}
    rows = []
    for place, number in enumerate(rounds["number"], 1):
        if _begins_anew(place, match.max_rounds):
            has = {}
        has = {who: owned for who, owned in has.items() if (number - 1, who) not in died}
        for who in of_round.get(number, ()):
            owned = has.setdefault(who, set())
            owned |= bought.get((number, who), set()) & {"helmet", "defuser"}
            rows.append((number, who, "helmet" in owned, "defuser" in owned))
    return pd.DataFrame(rows, columns=["round", "steamid", "has_helmet", "has_defuser"])


def _begins_anew(number: int, max_rounds: int) -> bool:
    """True for rounds that everybody enters with nothing: the first of a half, and of a half of overtime."""
    if number > max_rounds:
        return (number - max_rounds - 1) % rules.OVERTIME_HALF == 0
    return number in (1, max_rounds // 2 + 1)


def may_exceed(match: ExportedMatch, held: Recorded) -> bool:
    """Whether a match may hold something of a round that the recording in the database does not; quick, not sure."""
    won = set(match.rounds.loc[match.rounds["winner"].isin(["CT", "T"]), "number"])
    owned = set(match.economies.loc[match.economies["equipment_value"].notna(), "round"])
    armour = match.buys is not None or "has_helmet" in match.economies
    plants, hits, worn = (len(won) if here else 0 for here in (match.bombs is not None, match.hits is not None, armour))
    most = Recorded(len(won), plants, hits, worn, len(won & owned))
    return any(may > has for may, has in zip(most, held, strict=True))


# Parts of one map


def part_of(name: str) -> tuple[str, int] | None:
    """The map that a demo named ``…-p2`` is a part of, and which part it is; None for any other name."""
    found = _PART.match(name)
    return (found["map"], int(found["part"])) if found else None


def joined(parts: Sequence[ExportedMatch]) -> ExportedMatch:
    """One match from the parts of its recording, in order.

    A round that a part does not finish is played again in the next one, or was never finished: it does not count.

    Raises:
        UnreadableDemoError: parts are missing, or they are not of one map.
    """
    ordered = sorted(parts, key=lambda match: match.name)
    known = [found for match in ordered if (found := part_of(match.name))]
    if [number for _, number in known] != list(range(1, len(ordered) + 1)) or len(ordered) == 1:
        present = ", ".join(match.name for match in ordered)
        raise UnreadableDemoError(f"{present}: {PARTS_MISSING}; put them into the same folder and ingest them")
    if len({match.map_name for match in ordered}) > 1:
        raise UnreadableDemoError(f"{ordered[0].name} and its other parts were played on different maps")
    whole = ordered[0]
    for later in ordered[1:]:
        whole = _continued(whole, later)
    return replace(whole, name=known[0][0])


def _continued(first: ExportedMatch, later: ExportedMatch) -> ExportedMatch:
    """A match and its next part, whose ticks and round numbers go on where the first one's end."""
    won = first.rounds["winner"].isin(["CT", "T"]) & (first.rounds["end_tick"] > first.rounds["start_tick"])
    kept = first.rounds.loc[won, "number"]
    ticks, numbers = first.last_tick + TICK_RATE, int(kept.max()) if len(kept) else 0

    def both(name: str) -> pd.DataFrame | None:
        one: pd.DataFrame | None = getattr(first, name)
        two: pd.DataFrame | None = getattr(later, name)
        if one is None or two is None:
            return None
        number = "number" if name == "rounds" else "round"
        moved = {str(name): two[name] + ticks for name in two if name == "tick" or str(name).endswith("_tick")}
        continued: pd.DataFrame = two.assign(**{number: two[number] + numbers, **moved})
        return pd.concat([one[one[number].isin(kept)], continued])

    frames: dict[str, Any] = {name: both(name) for name in _FRAMES}
    damage = {who: first.damage.get(who, 0) + later.damage.get(who, 0) for who in {**first.damage, **later.damage}}
    return replace(
        first,
        **frames,
        keys=(*first.keys, *later.keys),
        last_tick=ticks + later.last_tick,
        others={},
        damage=damage,
    )
