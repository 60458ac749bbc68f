"""The public file of CS:GO round snapshots, read into the form of `round_snapshots`.

The file ("CS:GO round winner classification") is a plain table of states with the round's winner. It names neither
match nor round, and the winner it gives for the first snapshot of each round is the previous round's. Both follow
from the order of its rows and are put right here; nothing else about the file is known anywhere in the project.
"""

import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cs2_pipeline.datasets.rounds import is_decided
from cs2_pipeline.datasets.schema import ROUND_SNAPSHOTS, DatasetError
from cs2_pipeline.game.rules import FULL_ARMOR
from cs2_pipeline.game.state import ROUND_FIELDS, impossible
from cs2_pipeline.game.weapons import price

SYNTHETIC_START: Final = pd.Timestamp("2000-01-01", tz="UTC")
"""The file has no dates. The n-th match is said to start n - 1 days after this one, so that file order is time
order; the far past makes plain that these are not real dates."""

_SIDES: Final = ("ct", "t")
_STATE: Final[dict[str, str]] = {
    "ct_players_alive": "ct_alive",
    "t_players_alive": "t_alive",
    "ct_money": "ct_money",
    "t_money": "t_money",
    "bomb_planted": "bomb_planted",
    "time_left": "time_remaining",
    "ct_score": "ct_score",
    "t_score": "t_score",
    "map": "map_name",
    "ct_health": "ct_health",
    "t_health": "t_health",
    "ct_armor": "ct_armor",
    "t_armor": "t_armor",
    "ct_helmets": "ct_helmets",
    "t_helmets": "t_helmets",
    "ct_defuse_kits": "ct_defuse_kits",
}
"""The file's columns that are fields of a state, and the field each is."""
_WINNER: Final = "round_winner"
_TEXT: Final = ("map", _WINNER)
_WEAPONS: Final = (
    "ak47", "aug", "awp", "bizon", "cz75auto", "elite", "famas", "g3sg1", "galilar", "glock", "m249", "m4a1s", "m4a4",
    "mac10", "mag7", "mp5sd", "mp7", "mp9", "negev", "nova", "p90", "r8revolver", "sawedoff", "scar20", "sg553",
    "ssg08", "ump45", "xm1014", "deagle", "fiveseven", "usps", "p250", "p2000", "tec9",
)  # fmt: skip
_GRENADES: Final = ("hegrenade", "flashbang", "smokegrenade", "incendiarygrenade", "molotovgrenade", "decoygrenade")
_ITEM_COLUMN: Final = re.compile(r"(?P<side>ct|t)_(?:weapon|grenade)_(?P<item>\w+)")

_UNREADABLE: Final = (
    ValueError, EOFError, OSError, ImportError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError,
)  # fmt: skip
"""What pandas raises for a file that is no CSV, or not of the compression that its name says."""
_EXPECTED: Final = (
    'expected is csgo_round_snapshots.csv, plain or .gz, of the public data set "CS:GO round winner classification"'
)
"""What every refusal of a whole file ends with."""

_REGULATION_HALF: Final = 15
"""Rounds in a half in these matches: they were played before MR12."""
_OVERTIME_HALF: Final = 3


@dataclass(frozen=True, slots=True)
class PublicReport:
    """What the file held and what became of it.

    Attributes:
        rows, matches, rounds: in the file, the latter two as recovered.
        one_side_dead: rows with nobody alive on a side.
        first_labels_checkable: rounds with several snapshots and a known previous round of the same match.
        first_labels_of_previous_round: those of them whose first snapshot carries the previous round's winner.
        first_labels_changed: first snapshots that got another label than the file gives them.
        single_snapshot_rounds: rounds with one snapshot, whose label can only come from the next round's score.
        rounds_checked_by_score: rounds whose winner also follows from the next round's score.
        rounds_agreeing_with_score: those of them whose repaired label is that winner.
        rounds_without_label: left out: a single snapshot and no next round to tell the winner.
        rounds_in_doubt: left out: later labels disagree with each other or with the score's progress.
        rows_without_sure_label: rows of the rounds left out for these two reasons.
        decided_rows: left out: the round was already decided.
        impossible_rows: left out: a value outside the game's bounds, or a state that cannot be.
        rows_kept, rounds_kept, matches_kept: in the result.
    """

    rows: int
    matches: int
    rounds: int
    one_side_dead: int
    first_labels_checkable: int
    first_labels_of_previous_round: int
    first_labels_changed: int
    single_snapshot_rounds: int
    rounds_checked_by_score: int
    rounds_agreeing_with_score: int
    rounds_without_label: int
    rounds_in_doubt: int
    rows_without_sure_label: int
    decided_rows: int
    impossible_rows: int
    rows_kept: int
    rounds_kept: int
    matches_kept: int


def read(path: Path | str) -> tuple[pd.DataFrame, PublicReport]:
    """Snapshots of the public file, with matches and rounds recovered and labels repaired.

    A match begins where the map changes or the total score falls, a round where the score changes. Every snapshot
    of a round gets the label on which its later snapshots agree; a round with one snapshot gets the side that scored
    before the next round. The equipment value is the price of the weapons and grenades counted, of helmets and kits,
    and of the fewest kevlars that can hold the side's armour and helmets (the file counts no kevlars).

    Args:
        path: CSV file as published, plain or compressed in a way its name tells (``.csv.gz``).

    Returns:
        Columns of `schema.ROUND_SNAPSHOTS` in file order: matches and rounds numbered from 1 in file order, ``moment``
        is "published", ``elapsed`` unknown, ``started_at`` synthetic (`SYNTHETIC_START`); and the report.

    Raises:
        DatasetError: the file is not there, not readable as CSV, or not this table; the message names the column and
            the line.
    """
    published = _published(Path(path))
    rounds = _rounds(published)
    labelled = rounds.reindex(published["round"])["label"].to_numpy()
    snapshots = _snapshots(published, labelled)
    unsure = np.asarray(pd.isna(labelled))
    decided = ~unsure & is_decided(snapshots)
    impossible = ~unsure & ~decided & _is_impossible(published, snapshots)
    frame = snapshots[~(unsure | decided | impossible)].reset_index(drop=True)
    frame["snapshot"] = frame.groupby("round_id").cumcount()
    frame["ct_wins"] = frame["ct_wins"].eq("CT")
    frame = ROUND_SNAPSHOTS.conform(frame)
    first = published["round"].ne(published["round"].shift()).to_numpy()
    checkable = (rounds["size"] > 1) & rounds["previous"].notna()
    checked = rounds["later"].notna() & rounds["scored"].notna()
    report = PublicReport(
        rows=len(published),
        matches=published["match"].nunique(),
        rounds=len(rounds),
        one_side_dead=int(published[["ct_players_alive", "t_players_alive"]].eq(0).any(axis=1).sum()),
        first_labels_checkable=int(checkable.sum()),
        first_labels_of_previous_round=int((rounds["first"] == rounds["previous"])[checkable].sum()),
        first_labels_changed=int((first & ~unsure & (published[_WINNER].to_numpy() != labelled)).sum()),
        single_snapshot_rounds=int((rounds["size"] == 1).sum()),
        rounds_checked_by_score=int(checked.sum()),
        rounds_agreeing_with_score=int((rounds["later"] == rounds["scored"])[checked].sum()),
        rounds_without_label=int((rounds["label"].isna() & ~rounds["in_doubt"]).sum()),
        rounds_in_doubt=int(rounds["in_doubt"].sum()),
        rows_without_sure_label=int(unsure.sum()),
        decided_rows=int(decided.sum()),
        impossible_rows=int(impossible.sum()),
        rows_kept=len(frame),
        rounds_kept=frame["round_id"].nunique(),
        matches_kept=frame["match_id"].nunique(),
    )
    return frame, report


def _published(path: Path) -> pd.DataFrame:
    """The file's rows, checked, with the recovered numbers of match and round."""
    frame = _parse(path)
    if frame.empty:
        raise DatasetError(f"{path}: a header and no rows")
    for name in frame.columns:
        if name in _STATE or name == _WINNER or _ITEM_COLUMN.fullmatch(name):
            frame[name] = _checked(path, frame[name])
    total = frame["ct_score"] + frame["t_score"]
    new_match = frame["map"].ne(frame["map"].shift()) | (total.diff() < 0)
    new_round = new_match | frame["ct_score"].diff().ne(0) | frame["t_score"].diff().ne(0)
    return frame.assign(match=new_match.cumsum(), round=new_round.cumsum())


def _required() -> Iterator[str]:
    yield from _STATE
    for side in _SIDES:
        yield from (f"{side}_weapon_{name}" for name in _WEAPONS)
        yield from (f"{side}_grenade_{name}" for name in _GRENADES)
    yield _WINNER


def _parse(path: Path) -> pd.DataFrame:
    try:
        # The header alone first: of another file, what it lacks says more than where its rows stop making sense.
        _require_columns(path, pd.read_csv(path, nrows=0, index_col=False))
        return pd.read_csv(path, low_memory=False, skip_blank_lines=False, index_col=False)
    except DatasetError:
        raise
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file") from None
    except pd.errors.EmptyDataError:
        raise DatasetError(f"{path}: the file is empty; {_EXPECTED}") from None
    except _UNREADABLE as error:
        line = re.search(r" in line \d+", str(error))
        raise DatasetError(
            f"{path}: not readable as CSV{line[0] if line else ''}, or not whole; {_EXPECTED}"
        ) from error


def _require_columns(path: Path, header: pd.DataFrame) -> None:
    required = list(_required())
    missing = [name for name in required if name not in header.columns]
    if missing:
        raise DatasetError(
            f"{path}: no column {', '.join(missing[:5])}{' …' if len(missing) > 5 else ''} ({len(missing)} of"
            f" {len(required)} missing); {_EXPECTED}"
        )


def _checked(path: Path, column: pd.Series) -> pd.Series:
    """The column in its type; an error naming column and line where a cell is empty or not of it."""
    name = str(column.name)
    if name == _WINNER:
        expected, values = "CT or T", column.where(column.isin(["CT", "T"]))
    elif name == "map":
        expected, values = "a map's name", column
    elif name == "bomb_planted":
        expected, values = "True or False", column.astype("str").map({"True": 1, "False": 0})
    else:
        values = pd.to_numeric(column, errors="coerce")
        expected = "a number"
        if name != "time_left":
            expected, values = "a whole number", values.where(values % 1 == 0)
    bad = values.isna()
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        cell = column.iloc[row]
        found = "is empty" if pd.isna(cell) else f"holds {str(cell)[:40]!r}"
        raise DatasetError(f"{path}: line {row + 2}, column {name} {found}, expected {expected}")
    return values if name in _TEXT else values.astype("float64" if name == "time_left" else "int64")


def _rounds(published: pd.DataFrame) -> pd.DataFrame:
    """One row for each round, with what the file says of its winner and the repaired label (null where not sure)."""
    by_round = published.groupby("round")
    rounds = by_round[["match", "ct_score", "t_score"]].first()
    rounds["size"] = by_round.size()
    rounds["first"] = by_round[_WINNER].first()
    later = published[published["round"].duplicated()].groupby("round")[_WINNER]
    rounds["later"] = later.first().where(later.first() == later.max()).where(later.first() == later.min())
    rounds["scored"] = _scored(rounds)
    contradicting = rounds["later"].notna() & rounds["scored"].notna() & (rounds["later"] != rounds["scored"])
    rounds["in_doubt"] = contradicting | ((rounds["size"] > 1) & rounds["later"].isna())
    label = rounds["later"].fillna(rounds["scored"])
    rounds["label"] = label.where(~rounds["in_doubt"])
    previous = rounds["label"].shift()
    rounds["previous"] = previous.where(rounds["match"].eq(rounds["match"].shift()))
    return rounds


def _scored(rounds: pd.DataFrame) -> pd.Series:
    """The side that the next round's score says won each round; null where it does not tell.

    When teams change sides between two rounds, the score changes columns with them.
    """
    ct, t = rounds["ct_score"], rounds["t_score"]
    following = rounds.groupby("match")[["ct_score", "t_score"]].shift(-1)
    played = ct + t + 1
    in_overtime = played - 2 * _REGULATION_HALF
    swap = (played == _REGULATION_HALF) | ((in_overtime > 0) & (in_overtime % (2 * _OVERTIME_HALF) == _OVERTIME_HALF))
    next_ct = following["ct_score"].where(~swap, following["t_score"])
    next_t = following["t_score"].where(~swap, following["ct_score"])
    winner = pd.Series(pd.NA, index=rounds.index, dtype="str")
    winner[(next_ct == ct + 1) & (next_t == t)] = "CT"
    winner[(next_ct == ct) & (next_t == t + 1)] = "T"
    return winner


def _snapshots(published: pd.DataFrame, label: NDArray[np.object_]) -> pd.DataFrame:
    """The rows in the columns of `schema.ROUND_SNAPSHOTS`, snapshot numbers aside; ``ct_wins`` still names the side."""
    number = published.groupby("match")["round"].transform(lambda rounds: rounds - rounds.iloc[0] + 1)
    values = {field: published[name] for name, field in _STATE.items()}
    values |= {f"{side}_equip_value": _equipment_value(published, side) for side in _SIDES}
    return pd.DataFrame(
        {
            "match_id": published["match"],
            "round_id": published["round"],
            "round_number": number,
            "moment": "published",
            "elapsed": np.nan,
            "game": "csgo",
            "source": "published",
            "started_at": (SYNTHETIC_START + pd.to_timedelta(published["match"] - 1, unit="D")).dt.as_unit("us"),
            **values,
            "ct_wins": label,
        }
    )


def _equipment_value(published: pd.DataFrame, side: str) -> pd.Series:
    """Dollars of what the side's living players carry."""
    value: pd.Series = pd.Series(0, index=published.index)
    for name in published.columns:
        item = _ITEM_COLUMN.fullmatch(name)
        if item and item["side"] == side:
            value += published[name] * _price(name, item["item"])
    helmets = published[f"{side}_helmets"]
    kevlars = np.maximum(np.ceil(published[f"{side}_armor"] / FULL_ARMOR), helmets)
    value += (kevlars * price("kevlar") + helmets * price("helmet")).astype("int64")
    if side == "ct":
        value += published["ct_defuse_kits"] * price("defuser")
    return value


def _price(column: str, item: str) -> int:
    try:
        return price(item)
    except KeyError as error:
        raise DatasetError(f"column {column} counts an item without a price: {error.args[0]}") from error


def _is_impossible(published: pd.DataFrame, snapshots: pd.DataFrame) -> NDArray[np.bool_]:
    """Which rows hold a value outside its bounds, a negative count, or a state that contradicts itself."""
    numbers = [field for field in ROUND_FIELDS if not field.text]
    outside = (published[[name for name in published.columns if _ITEM_COLUMN.fullmatch(name)]] < 0).any(axis=1)
    for field in numbers:
        outside |= ~snapshots[field.name].between(field.low, field.high)
    contradicting = impossible({field.name: snapshots[field.name].to_numpy(float) for field in numbers})
    either: NDArray[np.bool_] = outside.to_numpy(bool) | contradicting
    return either
