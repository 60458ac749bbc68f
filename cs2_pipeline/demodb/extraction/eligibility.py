"""Which matches and rounds of the demo database count.

The rules that leave out or refuse a match or a round, shared by every table extracted, and the queries that find
rows by the day their match started. What the tables look like is the business of `demodb.extract` and `events`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath
from typing import Any, Final

import pandas as pd
import pyarrow as pa
from sqlalchemy import ColumnElement, FromClause, and_, literal_column, or_, select
from sqlalchemy.sql.selectable import Select

from cs2_pipeline.demodb.connection import dialect
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction import numbering, playing_order, reasons, winners
from cs2_pipeline.demodb.extraction.reasons import Tally
from cs2_pipeline.game import weapons

ROUND_COLUMNS: Final = {
    "round_id": "Id",
    "match_id": "MatchId",
    "round_number": "RoundNumber",
    "ct_live_players": "CTLivePlayers",
    "t_live_players": "TLivePlayers",
    "ct_equipment_value": "CTEquipmentValue",
    "t_equipment_value": "TEquipmentValue",
    "ct_start_money": "CTStartMoney",
    "t_start_money": "TStartMoney",
    "bomb_planted": "BombPlanted",
    "duration": "Duration",
    "ct_score": "CTScore",
    "t_score": "TScore",
}
"""Internal name of each recorded value of a round -> its declared column."""

MAY_BE_UNKNOWN: Final = (
    "ct_equipment_value",
    "t_equipment_value",
    "ct_start_money",
    "t_start_money",
    "bomb_planted",
)
"""Columns of a round that a source may not record: NULL, which is not 0."""

ROUND_FRAME: Final = (*ROUND_COLUMNS, "ct_wins", "map_name", "started_at", "played_at")

_NOBODY: Final = ("0", "1")
"""Winners that are no side: nobody, and the spectators' team number (game commencing)."""
_IDS_AT_A_TIME: Final = 500

_ROUND_CONTEXT: Final = {
    "winner": "WinnerTeam",
    "end_reason": "EndReason",
    "is_warmup": "IsWarmup",
    "is_knife_round": "IsKnifeRound",
    "game_phase": "GamePhase",
    "start_tick": "StartTick",
    "end_tick": "EndTick",
}


APPLICATION: Final = "application"
"""The source where none is named: what filled the database is none of the platform's writers."""
_SIMULATOR: Final = "simulator"


@dataclass(frozen=True)
class Days:
    """The matches of a database that started on the UTC days `first` to `last`, both included.

    Attributes:
        only: the ids of those that are meant; all of the days for None.
    """

    db: DemoDatabase
    first: date
    last: date
    only: tuple[int, ...] | None = None

    def condition(self) -> ColumnElement[bool]:
        """The key range of the matches' start."""
        match = self.db.schema["Matches"]
        within = dialect.in_days(match["StartTime"], self.first, self.last, self.db.engine.dialect.name)
        if self.only is None:
            return within
        return and_(within, match["Id"].in_([literal_column(str(int(match_id))) for match_id in self.only]))

    def rounds(
        self, columns: list[ColumnElement[Any]], joined: tuple[FromClause, ColumnElement[bool]] | None = None
    ) -> Select[Any]:
        """A query of the matches' rounds.

        Args:
            columns: what to select.
            joined: a table of the rounds' events and the condition by which it hangs on them.
        """
        match, played = self.db.schema["Matches"], self.db.schema["Rounds"]
        source = match.clause.join(played.clause, played["MatchId"] == match["Id"])
        if joined is not None:
            source = source.join(*joined)
        return select(*columns).select_from(source).where(self.condition())


def matches(days: Days, tally: Tally) -> pd.DataFrame:
    """Matches that started on the days, whether they count, and if not why.

    Returns:
        match_id, demo_id, started_at, played_at (`playing_order`), map_name, game, source, tick_rate, round_time_limit,
        freeze_time, reason (null where the match counts).
    """
    match, demo = days.db.schema["Matches"], days.db.schema["DemoFiles"]
    query = (
        select(
            *match.select(
                {
                    "match_id": "Id",
                    "demo_id": "DemoFileId",
                    "started_at": "StartTime",
                    "is_finished": "IsFinished",
                    "match_map": "MapName",
                    "round_time_limit": "RoundTimeLimit",
                    "freeze_time": "FreezeTime",
                    "max_rounds": "MaxRounds",
                }
            ),
            *demo.select(
                {
                    "demo_map": "MapName",
                    "tick_rate": "TickRate",
                    "file_name": "FileName",
                    "created_at": "CreatedAt",
                    "source": "DemoSource",
                    "game": "Game",
                }
            ),
        )
        .join_from(match.clause, demo.clause, match["DemoFileId"] == demo["Id"])
        .where(days.condition())
    )
    found = frame_of(days.db.read(query))
    found["map_name"] = found["match_map"].fillna(found["demo_map"]).map(_map_name, na_action="ignore")
    found["source"] = found["source"].fillna(APPLICATION)
    found["game"] = found["game"].fillna("cs2").mask(found["source"] == _SIMULATOR, "simulated")
    found["reason"] = pd.Series(None, index=found.index, dtype="str")
    found.loc[~flag(found["is_finished"]), "reason"] = reasons.UNFINISHED_MATCH
    _mark_duplicates(found, _earlier_imports(days), tally)
    found["played_at"] = playing_order.played_at(found, tally)
    return found.drop(columns=["match_map", "demo_map", "is_finished", "max_rounds", "file_name", "created_at"])


def live_rounds(days: Days, tally: Tally) -> pd.DataFrame:
    """The rounds that count, with their context; what does not count is entered in the tally.

    Returns:
        `ROUND_FRAME`, start_tick, end_tick, and the match's context (`matches`).
    """
    frame = raw_rounds(days)
    frame = of_counted_matches(frame, matches(days, tally), tally)
    frame = refuse_missing(frame, ["round_number"], tally, table="Rounds", key="round_id")
    ended = _ended(frame, tally)
    not_scored = frame[~frame["round_id"].isin(ended["round_id"])]
    ended = ended.assign(winner_side=ended["winner"].map(dialect.side_of, na_action="ignore"))
    ended = winners.agreeing(ended, tally)
    frame = numbering.live(ended, not_scored, tally, lambda round_ids: _knives_only(days, round_ids))
    frame = _with_winner(frame, tally)
    needed = [name for name in ROUND_COLUMNS if name not in MAY_BE_UNKNOWN]
    frame = refuse_missing(frame, needed, tally, table="Rounds", key="round_id")
    whole = dict.fromkeys(needed, "int64") | dict.fromkeys(MAY_BE_UNKNOWN, "Int64")
    frame = frame.astype(whole | {"duration": "float64", "ct_wins": "int8"})
    return frame.sort_values(["started_at", "match_id", "round_number"], ignore_index=True)


def _ended(frame: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """The rounds that gave a point: ended, won by somebody, neither warm-up nor flagged as a knife round."""
    phase = frame["game_phase"].fillna("").str.casefold()
    warm_up = flag(frame["is_warmup"]) | phase.str.contains("warm") | (frame["round_number"] < 1)
    frame = tally.leave_out(frame, warm_up, reasons.WARM_UP)
    knife = flag(frame["is_knife_round"]) | frame["game_phase"].fillna("").str.casefold().str.contains("knife")
    frame = tally.leave_out(frame, knife, reasons.KNIFE_ROUND)
    winner = frame["winner"].fillna("").str.strip()
    frame = tally.leave_out(frame, (winner == "") & frame["end_tick"].isna(), reasons.UNFINISHED_ROUND)
    return tally.leave_out(frame, frame["winner"].fillna("").str.strip().isin(_NOBODY), reasons.NOBODY_WON)


def _knives_only(days: Days, round_ids: Collection[int]) -> set[int]:
    """Those of the rounds in which every kill was made with a knife, and some kill was."""
    kill, found = days.db.schema["Kills"], []
    ids = sorted(round_ids)
    for some in (ids[first : first + _IDS_AT_A_TIME] for first in range(0, len(ids), _IDS_AT_A_TIME)):
        among = kill["RoundId"].in_([literal_column(str(int(round_id))) for round_id in some])
        query = select(*kill.select({"round_id": "RoundId", "weapon": "Weapon"})).where(among)
        found.append(frame_of(days.db.read(query)))
    if not found:
        return set()
    kills = pd.concat(found)
    canonical = {name: weapons.canonical(name) == "knife" for name in kills["weapon"].dropna().unique()}
    by_knife = kills["weapon"].map(canonical).eq(True).groupby(kills["round_id"]).all()
    return set(by_knife.index[by_knife])


def raw_rounds(days: Days) -> pd.DataFrame:
    """Every round of the days as recorded: `ROUND_COLUMNS` and winner, flags and ticks."""
    source = days.db.schema["Rounds"]
    return frame_of(days.db.read(days.rounds(source.select(ROUND_COLUMNS | _ROUND_CONTEXT))))


def flag(values: pd.Series) -> pd.Series:
    """A bit column as bool; NULL is false."""
    return values.eq(True).fillna(False).astype(bool)


def _map_name(recorded: str) -> str:
    """The bare lower-case name: workshop maps are recorded with their folders."""
    return PurePosixPath(recorded.strip().replace("\\", "/")).name.lower()


def _earlier_imports(days: Days) -> pd.DataFrame:
    """For demos with a match on the days: other imports of the same demo, and whether they hold a finished match.

    The same demo has the same size, number of ticks and map; where no size was recorded, the same file name too.
    """
    match, demo = days.db.schema["Matches"], days.db.schema["DemoFiles"]
    twin, twin_match = demo.aliased("twin"), match.aliased("twin_match")
    same_file = or_(and_(demo["FileSize"] > 0, demo["TotalTicks"] > 0), demo["FileName"] == twin["FileName"])
    recorded = or_(demo["FileSize"] > 0, demo["TotalTicks"] > 0)
    same = and_(
        demo["FileSize"] == twin["FileSize"],
        demo["TotalTicks"] == twin["TotalTicks"],
        demo["MapName"] == twin["MapName"],
        demo["Id"] != twin["Id"],
        recorded,
        same_file,
    )
    query = (
        select(
            demo["Id"].label("demo_id"), twin["Id"].label("twin_id"), twin_match["IsFinished"].label("twin_finished")
        )
        .select_from(
            match.clause.join(demo.clause, match["DemoFileId"] == demo["Id"])
            .join(twin.clause, same)
            .join(twin_match.clause, twin_match["DemoFileId"] == twin["Id"])
        )
        .where(days.condition())
        .distinct()
    )
    return frame_of(days.db.read(query))


def _mark_duplicates(found: pd.DataFrame, twins: pd.DataFrame, tally: Tally) -> None:
    """Mark matches of a demo imported more than once; of its finished imports the first is kept."""
    finished_twins = twins[flag(twins["twin_finished"])]
    kept = finished_twins.groupby("demo_id")["twin_id"].min()
    first_twin = found["demo_id"].map(kept)
    duplicate = found["reason"].isna() & first_twin.notna() & (first_twin < found["demo_id"])
    if duplicate.any():
        found.loc[duplicate, "reason"] = reasons.DUPLICATE_DEMO
        copies = found[duplicate].drop_duplicates("demo_id")
        detail = (
            "the same demo as DemoFiles " + copies["demo_id"].map(kept).astype(int).astype("str") + ", which is kept"
        )
        tally.note(copies, reasons.DUPLICATE_DEMO, table="DemoFiles", key="demo_id", detail=detail)


def of_counted_matches(frame: pd.DataFrame, context: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """Rows joined with their match's context; rows of matches that do not count are left out with its reason."""
    joined = frame.merge(context, on="match_id", how="inner", validate="many_to_one")
    for reason in (reasons.UNFINISHED_MATCH, reasons.DUPLICATE_DEMO):
        joined = tally.leave_out(joined, joined["reason"].eq(reason).fillna(False).astype(bool), reason)
    return joined.drop(columns="reason")


def _with_winner(frame: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """Finished rounds whose winner is known, with `ct_wins`."""
    blank = frame["winner"].fillna("").str.strip() == ""
    where = {"table": "Rounds", "key": "round_id"}
    frame = tally.refuse(frame, blank, reasons.NO_WINNER, detail="the round ended and WinnerTeam is empty", **where)
    unknown = frame["winner_side"].isna()
    detail = "WinnerTeam is " + frame["winner"].map(repr).astype("str")
    frame = tally.refuse(frame, unknown, reasons.UNKNOWN_WINNER, detail=detail, **where)
    return frame.assign(ct_wins=(frame["winner_side"] == "CT"))


def refuse_missing(frame: pd.DataFrame, names: list[str], tally: Tally, *, table: str, key: str) -> pd.DataFrame:
    """Refuse rows with a NULL where the platform needs a value; the detail names the columns."""
    holes = frame[names].isna()
    out = holes.any(axis=1)
    if not out.any():
        return frame
    detail = holes[out].apply(lambda row: "no value in " + ", ".join(row.index[row]), axis=1).reindex(frame.index)
    return tally.refuse(frame, out, reasons.MISSING_VALUE, table=table, key=key, detail=detail)


def frame_of(table: pa.Table) -> pd.DataFrame:
    """A table read as a frame; whole numbers with NULLs are Int64."""
    frame: pd.DataFrame = table.to_pandas()
    holed = [field.name for field in table.schema if pa.types.is_integer(field.type) and table[field.name].null_count]
    for name in holed:
        frame[name] = table[name].to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    for field in table.schema:
        if pa.types.is_string(field.type):
            frame[field.name] = frame[field.name].astype("str")
    return frame
