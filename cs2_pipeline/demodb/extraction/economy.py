"""What every player held when freeze time ended, from the tables that the application fills beside the usual ones.

Money, armour, helmet and kit are those of PlayerPositions at that tick or just before; weapons and grenades are the
last inventories that Equipment names, priced by the game's price list. Both tables hold up to hundreds of thousands of
rows a match, so one match is read at a time and of positions only the seconds that matter. Nothing is guessed here:
who or what is not recorded is not in the answer.
"""

from collections.abc import Iterator
from typing import Any, Final

import pandas as pd
from sqlalchemy import ColumnElement, literal_column, or_, select

from cs2_pipeline.demodb.connection import dialect
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction import reasons
from cs2_pipeline.demodb.extraction.eligibility import flag, frame_of
from cs2_pipeline.demodb.extraction.reasons import Tally
from cs2_pipeline.game import weapons

_TABLES: Final = ("PlayerPositions", "Equipment")
_LOOK_BACK: Final = 2
"""Seconds before the end of freeze time within which a position counts as its state."""
_BUCKET: Final = 128
"""Ticks by which positions are first looked for."""
_POSITION: Final = {
    "player_id": "PlayerId",
    "tick": "Tick",
    "team": "Team",
    "is_alive": "IsAlive",
    "money": "Money",
    "armor": "Armor",
    "has_helmet": "HasHelmet",
    "has_defuse_kit": "HasDefuseKit",
}
_CHANGE: Final = {"player_id": "PlayerId", "tick": "Tick", "action": "Action", "items": "ItemName", "row_id": "Id"}
_INVENTORY_CHANGES: Final = ("weapon_inventory_change", "grenade_inventory_change")
_GRENADES: Final = ("hegrenade", "flashbang", "smokegrenade", "incgrenade", "molotov", "decoy")
_NEVER_NOTHING: Final = ("money", "armor")
"""What in no whole match everybody lacks at the end of every freeze time."""
_KINDS: Final = ("guns", "grenades")
HELD: Final = ("round_id", "player_id", "side", "money", "armor", "has_helmet", "has_defuse_kit", "equipment_value")


def recorded(db: DemoDatabase) -> bool:
    """Whether the database has one of the tables that the application fills with money and equipment."""
    return len(db.schema.missing(_TABLES)) < len(_TABLES)


def at_freeze_end(db: DemoDatabase, played: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """What the players of some rounds held when freeze time ended.

    Args:
        db: the database; both tables may be missing.
        played: match_id, demo_id, round_id, start_tick, freeze_time (seconds), tick_rate.
        tally: items without a price are counted as taken.

    Returns:
        `HELD`, a row per round and living player that was recorded; `equipment_value` is null where no inventory of
        the player was recorded up to then, money and armour where they are 0 in all rows of the demo: never written.
    """
    parts = [_of_demo(db, int(str(demo_id)), rounds, tally) for demo_id, rounds in _moments(played).groupby("demo_id")]
    none = pd.DataFrame({name: pd.Series(dtype="object") for name in HELD})
    whole = pd.concat(parts, ignore_index=True) if parts else none
    return whole[list(HELD)]


def _moments(played: pd.DataFrame) -> pd.DataFrame:
    """Of each round the tick at which freeze time ends, and the first tick of the look back."""
    freeze_end = (played["start_tick"] + played["freeze_time"] * played["tick_rate"]).round().astype("int64")
    since = (freeze_end - _LOOK_BACK * played["tick_rate"]).clip(lower=played["start_tick"])
    moments = played[["demo_id", "round_id"]].assign(freeze_end=freeze_end, since=since.astype("int64"))
    return moments.sort_values("freeze_end")


def _of_demo(db: DemoDatabase, demo_id: int, moments: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    people = _positions(db, demo_id, moments)
    for column in _NEVER_NOTHING:
        if not people.empty and (people[column] == 0).all():
            people[column] = pd.array([pd.NA] * len(people), dtype="Int64")
    guns_and_grenades = _inventories(db, demo_id, people, tally)
    worn = (
        weapons.price("kevlar") * people["armor"].gt(0).fillna(False).astype("int64")
        + weapons.price("helmet") * flag(people["has_helmet"]).astype("int64")
        + weapons.price("defuser") * flag(people["has_defuse_kit"]).astype("int64")
    )
    return people.assign(equipment_value=(guns_and_grenades + worn).astype("Int64"))


def _positions(db: DemoDatabase, demo_id: int, moments: pd.DataFrame) -> pd.DataFrame:
    """The last recorded position of each living player on a side in each moment's look back."""
    columns = ["round_id", "freeze_end", *(name for name in _POSITION if name not in ("tick", "team", "is_alive"))]
    none = pd.DataFrame({name: pd.Series(dtype="int64") for name in columns}).assign(side=pd.Series(dtype="str"))
    if db.schema.missing(["PlayerPositions"]):
        return none
    source = db.schema["PlayerPositions"]
    spans = [
        source["Tick"].between(literal_column(str(since)), literal_column(str(end)))
        for since, end in zip(moments["since"], moments["freeze_end"], strict=True)
    ]
    # Looking a number up among others is quicker than comparing it with every span, which is left to few rows then.
    ends = zip(moments["since"] // _BUCKET, moments["freeze_end"] // _BUCKET, strict=True)
    buckets = sorted({bucket for first, last in ends for bucket in range(first, last + 1)})
    near = source["Tick"].op("/")(literal_column(str(_BUCKET))).in_([literal_column(str(bucket)) for bucket in buckets])
    query = select(*source.select(_POSITION)).where(source["DemoFileId"] == demo_id, near, or_(*spans))
    found = frame_of(db.read(query)).dropna(subset=["player_id", "tick", "money", "armor"])
    if found.empty:
        return none
    found = found.astype({"tick": "int64", "player_id": "int64"}).sort_values("tick", kind="stable")
    keys = moments[["round_id", "freeze_end", "since"]].sort_values("freeze_end")
    placed = pd.merge_asof(found, keys, left_on="tick", right_on="freeze_end", direction="forward")
    last = placed.drop_duplicates(["round_id", "player_id"], keep="last")
    last = last.assign(side=last["team"].map(dialect.side_of, na_action="ignore").astype("str"))
    playing = flag(last["is_alive"]) & last["side"].isin(["CT", "T"])
    last = last[playing]
    if last.empty:
        return none
    last = last.astype(dict.fromkeys(("has_helmet", "has_defuse_kit"), "boolean"))
    return last[[*columns, "side"]].astype({"money": "int64", "armor": "int64"}).reset_index(drop=True)


def _inventories(db: DemoDatabase, demo_id: int, people: pd.DataFrame, tally: Tally) -> pd.Series:
    """The value of the weapons and grenades of each row of `people`; null where no inventory is known."""
    unknown = pd.Series(pd.NA, index=people.index, dtype="Int64")
    if people.empty or db.schema.missing(["Equipment"]):
        return unknown
    source = db.schema["Equipment"]
    query = select(*source.select(_CHANGE)).where(
        source["DemoFileId"] == demo_id,
        source["Action"].in_([_text(action) for action in _INVENTORY_CHANGES]),
        source["Tick"] <= int(people["freeze_end"].max()),
    )
    changes = frame_of(db.read(query)).dropna(subset=["player_id", "tick"])
    if changes.empty:
        return unknown
    changes = _valued(changes.astype({"tick": "int64", "player_id": "int64"}), tally)
    held = {kind: _latest(people, changes, kind) for kind in _KINDS}
    # Somebody who never held a grenade has no change that says so; everybody has held a weapon.
    return (held["guns"] + held["grenades"].fillna(0)).astype("Int64")


def _text(value: str) -> ColumnElement[Any]:
    return literal_column(f"'{value}'")


def _valued(changes: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """The changes with the value of guns and of grenades after each; null for what a change's list does not cover.

    A list covers a kind when lists of the same action in this demo are ever seen to name it: some versions write one
    whole inventory, others weapons and grenades apart.
    """
    priced = {text: _values(text) for text in changes["items"].dropna().unique()}
    strange = changes["items"].map({text: value["unknown"] for text, value in priced.items()}).fillna(0)
    if strange.any():
        tally.mapped[reasons.UNKNOWN_ITEM] += int(strange.sum())
    for kind in _KINDS:
        value = changes["items"].map({text: values[kind] for text, values in priced.items()}).fillna(0)
        named = changes["items"].map({text: values[f"names_{kind}"] for text, values in priced.items()}).eq(True)
        covers = named.groupby(changes["action"]).transform("any")
        changes = changes.assign(**{kind: value.where(covers)})
    return changes


def _values(items: str) -> dict[str, int | bool]:
    """The value of an inventory's guns and grenades, and how many of its items have no price."""
    known = [(item, weapons.canonical(item)) for item in _items(items)]
    prices = [(item, weapons.PRICES[item]) for _, item in known if item is not None]
    grenades = [price for item, price in prices if item in _GRENADES]
    guns = [price for item, price in prices if item not in _GRENADES]
    return {
        "guns": sum(guns),
        "grenades": sum(grenades),
        "names_guns": bool(guns),
        "names_grenades": bool(grenades),
        "unknown": sum(item is None for _, item in known),
    }


def _items(text: str) -> Iterator[str]:
    return (item.strip() for item in text.split(",") if item.strip())


def _latest(people: pd.DataFrame, changes: pd.DataFrame, kind: str) -> pd.Series:
    """The value of one kind at each person's moment: after the player's last change that covers it."""
    covering = changes.dropna(subset=[kind]).sort_values(["tick", "row_id"])[["player_id", "tick", kind]]
    at = people[["player_id", "freeze_end"]].astype("int64").sort_values("freeze_end")
    found = pd.merge_asof(at, covering, left_on="freeze_end", right_on="tick", by="player_id")
    return pd.Series(found[kind].to_numpy(), index=at.index).reindex(people.index)
