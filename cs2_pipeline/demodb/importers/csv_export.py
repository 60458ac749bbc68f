"""Reads CS Demo Manager's CSV export: a set of tables for each match, or for many matches together.

A table is told by the end of its file's name, `…_kills.csv`; rows belong to a match by its checksum. The same columns
as Parquet are read too. Of damages and the bomb many such exports hold nothing: what is not there is not known.
"""

import gzip
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final

import pandas as pd

from cs2_pipeline.demodb.importers.exported import ExportedMatch, demo_key, moment, without_last_economy
from cs2_pipeline.demodb.importers.facts import text
from cs2_pipeline.demodb.importers.parsed import UnreadableDemoError

SOURCE: Final = "cs-demo-manager"
_MATCH: Final = "match checksum"
_SIDES: Final = {2: "T", 3: "CT"}

_COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "rounds": {
        "number": "number",
        "start tick": "start_tick",
        "freezetime end tick": "freeze_end_tick",
        "end tick": "end_tick",
        "winner side": "winner",
        "end reason": "reason",
    },
    "players_economy": {
        "round": "round",
        "steamid": "steamid",
        "name": "name",
        "player side": "side",
        "start money": "start_money",
        "money spent": "money_spent",
        "equipment value": "equipment_value",
    },
    "kills": {
        "round": "round",
        "tick": "tick",
        "killer steamid": "attacker_steamid",
        "killer name": "attacker_name",
        "killer side": "attacker_side",
        "victim steamid": "user_steamid",
        "victim name": "user_name",
        "victim side": "user_side",
        "assister steamid": "assister_steamid",
        "weapon name": "weapon",
        "headshot": "headshot",
        "penetrated objects": "penetrated",
        "is flash assist": "assistedflash",
        "distance": "distance",
    },
    "damages": {
        "round": "round",
        "tick": "tick",
        "attacker steamid": "attacker_steamid",
        "attacker side": "attacker_side",
        "victim steamid": "user_steamid",
        "victim side": "user_side",
        "weapon name": "weapon",
        "health damage": "dmg_health",
        "armor damage": "dmg_armor",
        "victim new health": "health",
        "victim new armor": "armor",
        "hitgroup": "hitgroup",
    },
    "players_buy": {
        "round": "round",
        "tick": "tick",
        "player steamid": "steamid",
        "player side": "side",
        "weapon name": "item",
        "has refunded": "refunded",
    },
    "players": {"steamid": "steamid", "health damage": "damage"},
    "match": {},
    "bombs_planted": {"round": "round", "tick": "tick", "planter steamid": "user_steamid", "site": "site"},
    "bombs_defused": {"round": "round", "tick": "tick", "defuser steamid": "user_steamid", "site": "site"},
    "bombs_exploded": {"round": "round", "tick": "tick", "planter steamid": "user_steamid", "site": "site"},
}
"""Table -> column of the export -> our name."""

NEEDED: Final = ("match", "rounds", "kills", "players_economy")
_EVENTS: Final = {"bombs_planted": "bomb_planted", "bombs_defused": "bomb_defused", "bombs_exploded": "bomb_exploded"}
_SUFFIXES: Final = (".csv", ".csv.gz", ".parquet")


def table_of(name: str) -> str | None:
    """The table that a file of this name holds; None for other files."""
    base = PurePosixPath(name).name.lower()
    suffix = next((suffix for suffix in _SUFFIXES if base.endswith(suffix)), None)
    if suffix is None:
        return None
    stem = base.removesuffix(suffix)
    return next((table for table in _COLUMNS if f"_{stem}".endswith(f"_{table}")), None)


def read(files: Iterable[tuple[str, bytes]]) -> Iterator[ExportedMatch]:
    """The matches of a set of tables, by checksum.

    Args:
        files: name and content of each; several files of one table are read together.

    Raises:
        UnreadableDemoError: a table is missing or cannot be read; the message names it.
    """
    parts: dict[str, list[pd.DataFrame]] = {}
    for name, content in files:
        if (table := table_of(name)) is not None:
            parts.setdefault(table, []).append(_read(name, content, table))
    missing = [table for table in NEEDED if table not in parts]
    if missing:
        raise UnreadableDemoError(f"the export lacks the table {', '.join(missing)} (a file named …_{missing[0]}.csv)")
    tables = {name: pd.concat(found, ignore_index=True) for name, found in parts.items()}
    by_match = {
        name: {str(checksum): part for checksum, part in rows.drop_duplicates().groupby(_MATCH)}
        for name, rows in tables.items()
        if name != "match"
    }
    for row in tables["match"].drop_duplicates("checksum").to_dict("records"):
        yield _match({str(name): value for name, value in row.items()}, by_match)


def _read(name: str, content: bytes, table: str) -> pd.DataFrame:
    try:
        if name.lower().endswith(".parquet"):
            frame = pd.read_parquet(io.BytesIO(content))
        else:
            # A column with a blank would be read as floats, which no SteamID fits.
            ids = [column for column in _COLUMNS[table] if column.endswith("steamid")]
            kinds = dict.fromkeys(ids, "Int64") | dict.fromkeys(("checksum", _MATCH, "name"), "str")
            plain = gzip.decompress(content) if name.lower().endswith(".gz") else content
            frame = pd.read_csv(io.BytesIO(plain), dtype=kinds)
            frame = frame.assign(**{name: frame[name].fillna(0).astype("int64") for name in ids if name in frame})
    except Exception as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UnreadableDemoError(f"{name} cannot be read ({first}): export it again") from error
    wanted = ["checksum", "map", "date"] if table == "match" else [*_COLUMNS[table], _MATCH]
    if absent := [column for column in wanted if column not in frame]:
        raise UnreadableDemoError(f"{name} has no column {', '.join(map(repr, absent))}: export it again")
    return frame


def _match(row: Mapping[str, object], tables: Mapping[str, Mapping[str, pd.DataFrame]]) -> ExportedMatch:
    """One match. Of its own row only what no version of the exporter misplaces is used."""
    checksum = str(row["checksum"])

    def rows(table: str, *sides: str) -> pd.DataFrame | None:
        if table not in tables:
            return None
        names = _COLUMNS[table]
        found = tables[table].get(checksum)
        frame = pd.DataFrame(columns=list(names)) if found is None else found[list(names)]
        frame = frame.rename(columns=dict(names)).reset_index(drop=True)
        frame = frame.assign(**{name: frame[name].map(_SIDES) for name in sides})
        texts = [str(name) for name in frame if not pd.api.types.is_numeric_dtype(frame[name])]
        return frame.assign(**{name: frame[name].astype(object).where(frame[name].notna(), None) for name in texts})

    rounds, economies = rows("rounds", "winner"), rows("players_economy", "side")
    kills = rows("kills", "attacker_side", "user_side")
    assert rounds is not None and economies is not None and kills is not None  # noqa: S101  # `read` saw to it
    damage = rows("players")
    buys = rows("players_buy", "side")
    bombs = {event: found for table, event in _EVENTS.items() if (found := rows(table)) is not None}
    return ExportedMatch(
        keys=(demo_key(checksum),),
        name=text(row.get("demo name")) or "",
        source=SOURCE,
        game="csgo" if str(row.get("game")).upper() == "CSGO" else "cs2",
        map_name=text(row["map"]),
        started=moment(row["date"]),
        tick_rate=_number(row.get("tickrate")),
        last_tick=int(max(_number(row.get("tick count")), rounds["end_tick"].max() if len(rounds) else 0)),
        max_rounds=int(_number(row.get("max rounds"))) or 24,
        server_name=text(row.get("server name")),
        rounds=rounds,
        economies=without_last_economy(economies, rounds),
        kills=kills,
        hits=rows("damages", "attacker_side", "user_side"),
        bombs=pd.concat([found.assign(event=event) for event, found in bombs.items()]) if bombs else None,
        buys=None if buys is None else buys[buys["refunded"] == 0].drop(columns="refunded"),
        damage={} if damage is None else dict(zip(damage["steamid"], damage["damage"], strict=True)),
    )


def _number(value: object) -> float:
    found = pd.to_numeric(pd.Series([value]), errors="coerce").iloc[0]
    return 0.0 if pd.isna(found) else float(found)
