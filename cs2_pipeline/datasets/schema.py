"""The frames that pass between parts: column names, dtypes, meanings.

One `Table` per frame. Empty frames are typed by it, frames read back are brought to it, and the Dagster UI shows
it. Rules about the values (bounds, decided states) live in `game` and in the checks, not here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import pandas as pd

from cs2_pipeline.game.player import PLAYER_FIELDS
from cs2_pipeline.game.rules import TEAM_SIZE
from cs2_pipeline.game.state import ROUND_FIELDS, Field

Dtype = Literal["int64", "Int64", "int8", "float64", "bool", "boolean", "str", "datetime64[us, UTC]"]


class DatasetError(ValueError):
    """A frame that a dataset cannot be built from. The message names the table, the column and the remedy."""


class TooLittleDataError(DatasetError):
    """A frame has too few rows for what is to be built from it: more matches mend it."""


class Derived(NamedTuple):
    """A frame computed from others.

    Attributes:
        frame: the result.
        left_out: how many rounds, rows or events did not go into it, by reason. Reasons that did not occur are absent.
    """

    frame: pd.DataFrame
    left_out: dict[str, int]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, pandas dtype and meaning; ``nullable`` where null or NaN is a value."""

    name: str
    dtype: Dtype
    meaning: str
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of a frame, in order."""

    name: str
    columns: tuple[Column, ...]

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    @property
    def names(self) -> list[str]:
        """Column names in order."""
        return [column.name for column in self.columns]

    def empty(self) -> pd.DataFrame:
        """A frame of no rows with every column in its dtype."""
        return pd.DataFrame({column.name: pd.Series([], dtype=column.dtype) for column in self.columns})

    def conform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The table's columns of a frame, in order and dtype; columns the table does not have are left behind.

        Raises:
            DatasetError: a column is missing, cannot take its dtype, or has nulls where the table allows none; the
                message names the table, the column and a row.
        """
        missing = [name for name in self.names if name not in frame.columns]
        if missing:
            raise DatasetError(
                f"table {self.name} has no column {', '.join(missing)}; it needs {', '.join(self.names)}"
            )
        return pd.DataFrame({column.name: self._conform(column, frame[column.name]) for column in self.columns})

    def _conform(self, column: Column, values: pd.Series) -> pd.Series:
        if not column.nullable and values.isna().any():
            row = values.index[values.isna()][0]
            raise DatasetError(
                f"table {self.name}, column {column.name}: {values.isna().sum()} values are null, the first in row"
                f" {row}; leave such rows out before this step"
            )
        try:
            return values if values.dtype == column.dtype else values.astype(column.dtype)
        except (TypeError, ValueError) as error:
            raise DatasetError(
                f"table {self.name}, column {column.name}: values of type {values.dtype} cannot be read as"
                f" {column.dtype} ({error})"
            ) from error


def _state_column(field: Field) -> Column:
    """A state's field as a snapshot records it: required counts are whole, optional ones may be unknown."""
    if field.text:
        return Column(field.name, "str", field.meaning, nullable=True)
    if not field.required:
        return Column(field.name, "float64", f"{field.meaning}; null where not known at that moment", nullable=True)
    if field.name == "bomb_planted":
        return Column(field.name, "int8", field.meaning)
    return Column(field.name, "int64" if field.integer else "float64", field.meaning)


_MATCH_ID: Final = Column("match_id", "int64", "Matches.Id")
_ROUND_ID: Final = Column("round_id", "int64", "Rounds.Id")
_ROUND_NUMBER: Final = Column("round_number", "int64", "number of the round in its match, from 1")
_STARTED_AT: Final = Column("started_at", "datetime64[us, UTC]", "start of the match: partition key and time order")
_MAP_NAME: Final = Column("map_name", "str", "the map, such as de_mirage", nullable=True)
_CT_WINS: Final = Column("ct_wins", "int8", "label: 1 where the CT side won the round, 0 where the T side did")
_STEAM_ID: Final = Column("steam_id", "str", "SteamID64 as text: it does not fit a float")
_PART: Final = Column("part", "str", "train, validate, calibrate or test")
_ROUND_PART: Final = Column(
    "part", "str", f"{_PART.meaning}; former: matches before a change of play; prior: matches of another game"
)
_GAME: Final = Column("game", "str", "cs2, csgo or simulated")
_SOURCE: Final = Column("source", "str", "who recorded or exported the match, such as demo or cs-demo-analyzer")
_TICK: Final = Column("tick", "int64", "demo tick of the event")

ROUNDS: Final = Table(
    "rounds",
    (
        _ROUND_ID,
        _MATCH_ID,
        _ROUND_NUMBER,
        Column("ct_live_players", "Int64", "CT alive when the round ended; null where nothing tells it", nullable=True),
        Column("t_live_players", "Int64", "T alive when the round ended; null where nothing tells it", nullable=True),
        Column(
            "ct_equipment_value",
            "Int64",
            "equipment of the CT side, dollars; null where nothing tells it",
            nullable=True,
        ),
        Column(
            "t_equipment_value", "Int64", "equipment of the T side, dollars; null where nothing tells it", nullable=True
        ),
        Column(
            "ct_start_money",
            "Int64",
            "money of the CT side when the round began, dollars; null where nothing tells it",
            nullable=True,
        ),
        Column(
            "t_start_money",
            "Int64",
            "money of the T side when the round began, dollars; null where nothing tells it",
            nullable=True,
        ),
        Column(
            "bomb_planted", "Int64", "1 where the bomb was planted in the round; null where not recorded", nullable=True
        ),
        Column("duration", "float64", "seconds the round lasted"),
        Column("ct_score", "int64", "rounds the CT side has won, this one included"),
        Column("t_score", "int64", "rounds the T side has won, this one included"),
        _CT_WINS,
        _MAP_NAME,
        _STARTED_AT,
    ),
)
"""Finished live rounds with a winner, as they stand after their end."""

EVENT_ROUNDS: Final = Table(
    "rounds",
    (
        *ROUNDS.columns,
        Column("start_tick", "int64", "tick at which the round's freeze time begins"),
        Column("end_tick", "Int64", "tick at which the round ended", nullable=True),
        Column("tick_rate", "int64", "ticks a second"),
        Column("freeze_time", "float64", "seconds of freeze time"),
        Column("round_time_limit", "float64", "seconds on the round clock when freeze time ends"),
        _GAME,
        _SOURCE,
        Column("plants_recorded", "bool", "the source records when the bomb was planted"),
        Column("hits_recorded", "bool", "the source records what hits took"),
    ),
)
"""The rounds table with the clocks that the rebuild of snapshots needs."""

PARTICIPANTS: Final = Table(
    "participants",
    (
        _ROUND_ID,
        Column("player_id", "int64", "Players.Id"),
        Column("side", "str", "CT or T in this round", nullable=True),
        Column("start_money", "int64", "money when the round began, dollars"),
        Column("money_spent", "int64", "money spent in the round, dollars"),
        Column("equipment_value", "int64", "value of what the player carries, dollars"),
        Column("has_helmet", "boolean", "wears a helmet; null where not recorded", nullable=True),
        Column("has_defuse_kit", "boolean", "carries a defuse kit; null where not recorded", nullable=True),
    ),
)

KILLS: Final = Table(
    "kills",
    (
        _ROUND_ID,
        _TICK,
        Column("killer_id", "Int64", "Players.Id; null where the world killed", nullable=True),
        Column("victim_id", "int64", "Players.Id"),
        Column("weapon", "str", "the weapon, in any spelling", nullable=True),
        Column("is_team_kill", "bool", "killer and victim were on one side"),
    ),
)

DAMAGES: Final = Table(
    "damages",
    (
        _ROUND_ID,
        _TICK,
        Column("victim_id", "int64", "Players.Id"),
        Column("health", "int64", "the victim's health after the hit"),
        Column("armor", "int64", "the victim's armour after the hit"),
        Column("damage_armor", "int64", "armour the hit took"),
    ),
)

BOMBS: Final = Table(
    "bombs",
    (
        _ROUND_ID,
        _TICK,
        Column("event_type", "str", "planted, defused, exploded or another", nullable=True),
        Column("player_id", "Int64", "Players.Id of who did it; null where nobody or not recorded", nullable=True),
    ),
)

ROUND_SNAPSHOTS: Final = Table(
    "round_snapshots",
    (
        _MATCH_ID,
        _ROUND_ID,
        _ROUND_NUMBER,
        Column("snapshot", "int64", "number of the snapshot in its round in time order, from 0"),
        Column("moment", "str", "why the snapshot was taken: freeze_end, interval, kill, plant, late, or published"),
        Column("elapsed", "float64", "seconds since the freeze time ended; null where not known", nullable=True),
        _STARTED_AT,
        _GAME,
        _SOURCE,
        *(_state_column(field) for field in ROUND_FIELDS),
        _CT_WINS,
    ),
)
"""The state of a round at a moment, from what had happened by then."""

ROUND_DATASET: Final = Table(
    "round_dataset",
    (
        *ROUND_SNAPSHOTS.columns,
        Column("map_index", "int64", "number of the map as a model input, 0 where not known"),
        _ROUND_PART,
    ),
)
"""Open states only, sorted by match time, each match wholly in one part."""

PLAYER_MATCH_STATS: Final = Table(
    "player_match_stats",
    (
        _STEAM_ID,
        Column("player_name", "str", "name in this match", nullable=True),
        _MATCH_ID,
        _STARTED_AT,
        _MAP_NAME,
        Column("kills", "int64", "kills"),
        Column("deaths", "int64", "deaths"),
        Column("assists", "int64", "assists"),
        Column("headshots", "int64", "headshot kills"),
        Column("damage", "int64", "damage dealt"),
        Column("first_kills", "int64", "opening kills"),
        Column("clutches", "int64", "clutches won"),
        Column("clutch_attempts", "int64", "clutches tried"),
        Column("rounds", "int64", "rounds played"),
        Column(
            "trade_kills", "Int64", "kills of an enemy who had just killed a team mate; null: unknown", nullable=True
        ),
        Column("trade_deaths", "Int64", "deaths a team mate avenged at once; null: unknown", nullable=True),
        *(
            Column(f"{kind}_1v{size}", "Int64", f"clutches {word} against {size}; null: unknown", nullable=True)
            for kind, word in (("clutches", "won"), ("clutch_attempts", "tried"))
            for size in range(1, TEAM_SIZE + 1)
        ),
        _SOURCE,
    ),
)

_WORTH: Final = ("kill", "death", "plant", "defuse")
WIN_PROBABILITY_ADDED: Final = Table(
    "win_probability_added",
    (
        _STEAM_ID,
        _MATCH_ID,
        _STARTED_AT,
        Column("rounds", "int64", "rounds played whose events are priced"),
        *(
            Column(name, "float64", f"sum of the changes of the side's win probability by each {name}")
            for name in _WORTH
        ),
        Column("total", "float64", "sum of all four"),
        Column("per_round", "float64", "total for each round"),
        Column(
            "low",
            "float64",
            "lower end of the 95 % interval of per_round, rounds of the match resampled",
            nullable=True,
        ),
        Column(
            "high",
            "float64",
            "upper end of the 95 % interval of per_round, rounds of the match resampled",
            nullable=True,
        ),
    ),
)
"""What players' kills, deaths, plants and defusals did to their side's win probability, by player and match."""

_PLAYER_RECORD: Final = tuple(
    Column(field.name, "int64" if field.integer else "float64", field.meaning) for field in PLAYER_FIELDS
)

PLAYERS: Final = Table(
    "players",
    (
        _STEAM_ID,
        Column("player_name", "str", "the latest name", nullable=True),
        *_PLAYER_RECORD,
        Column(
            "win_probability_added",
            "float64",
            "win probability added a round, over the rounds that were priced; null where none was",
            nullable=True,
        ),
    ),
)
"""Careers: one row for each player with more than 10 rounds."""

PLAYER_DATASET: Final = Table(
    "player_dataset",
    (
        _STEAM_ID,
        *_PLAYER_RECORD,
        Column("past_kd", "float64", "kills per death in the past window"),
        Column("later_kd", "float64", "kills per death in the later matches"),
        Column("tier", "int64", "label: index of the skill tier of later_kd"),
        Column("past_matches", "int64", "matches in the past window"),
        Column("later_kills", "int64", "kills in the later window"),
        Column("later_deaths", "int64", "deaths in the later window"),
        Column("later_rounds", "int64", "rounds in the later window"),
        Column("window_end", "datetime64[us, UTC]", "start of the last match of the past window"),
        Column("later_start", "datetime64[us, UTC]", "start of the first later match"),
        Column("later_end", "datetime64[us, UTC]", "start of the last later match"),
        Column("source", "str", "source of the last match of the past window"),
        _PART,
    ),
)

_SIDES: Final = ("first", "second")
_NAMES: Final = tuple(Column(f"{side}_name", "str", "name of the line-up's team", nullable=True) for side in _SIDES)
_LINE_UPS: Final = tuple(
    Column(f"{side}_players", "str", "JSON list of the line-up's ids: SteamID64, or names") for side in _SIDES
)
_FIRST_WINS: Final = Column("first_wins", "int8", "label: 1 where the first side won, 0 where the second did")

MAPS: Final = Table(
    "matches",
    (
        _MATCH_ID,
        _STARTED_AT,
        Column("played_at", "datetime64[us, UTC]", "when it was played, where that is known", nullable=True),
        _MAP_NAME,
        *_NAMES,
        *_LINE_UPS,
        *(Column(f"{side}_score", "int64", "rounds won") for side in _SIDES),
        *(
            Column(f"{side}_{period}", "int64", f"rounds won in {period}")
            for period in ("half1", "half2", "overtime")
            for side in _SIDES
        ),
        _FIRST_WINS,
        _SOURCE,
    ),
)
"""Maps as extracted. The first side is the one that began as CT."""

CONTESTS: Final = Table(
    "contests",
    (
        Column("match_id", "str", "Matches.Id; of an ingested series its day, place and a digest of its names"),
        Column("started_at", "datetime64[us, UTC]", "start of the map; of a series its day"),
        Column("place", "int64", "place in the order of play within the day"),
        Column("best_of", "Int64", "maps of the series: 1, 3 or 5; null where not known", nullable=True),
        _MAP_NAME,
        *_NAMES,
        *_LINE_UPS,
        *(Column(f"{side}_points", "float64", "ranking points published before", nullable=True) for side in _SIDES),
        *(Column(f"{side}_score", "Int64", "rounds won; maps of a series", nullable=True) for side in _SIDES),
        *(Column(f"{side}_rounds", "Int64", "rounds won in all maps, if known", nullable=True) for side in _SIDES),
        _FIRST_WINS,
        _SOURCE,
    ),
)
"""Maps and series with their outcome. The first side of a map began it as CT; of a series it is drawn by lot."""

FORECAST_SETTLEMENTS: Final = Table(
    "forecast_settlements",
    (
        Column("forecast_id", "str", "the forecast's entry in the ledger"),
        Column("seq", "int64", "place of that entry in the ledger"),
        Column("asked_at", "datetime64[us, UTC]", "when the forecast was given"),
        Column("settled_at", "datetime64[us, UTC]", "when its result was written down, the newest revision"),
        Column("kind", "str", "map or series"),
        Column("model_version", "str", "version of the match model that gave it"),
        Column("result_id", "str", "the match or series it was about; forecasts of one share it"),
        Column("team1_id", "str", "id of team 1"),
        Column("team2_id", "str", "id of team 2"),
        Column("probability", "float64", "of team 1, as it was answered"),
        Column("low", "float64", "lower end of its 90 % interval"),
        Column("high", "float64", "upper end of its 90 % interval"),
        Column("team1_wins", "int8", "label: 1 where team 1 won"),
    ),
)
"""Forecasts that were given and came out, one row each: what people were told beside what happened."""

MATCH_DATASET: Final = Table(
    "match_dataset",
    (
        *(column for column in CONTESTS if not column.name.endswith("_score")),
        Column("latent", "float64", "the first side's expected advantage before the match, log odds of a map"),
        Column("variance", "float64", "of that advantage"),
        Column("elo", "float64", "the first side's log odds by Elo's rating of players, the baseline"),
        _PART,
    ),
)
"""What the match model is fitted on and judged by: each match as it looked before it was played."""
