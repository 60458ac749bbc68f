"""Tables: typed when empty, strict about what they are given."""

import pandas as pd
import pytest

from cs2_pipeline.datasets import schema
from cs2_pipeline.datasets.schema import KILLS, ROUND_DATASET, ROUND_SNAPSHOTS, DatasetError, Table
from cs2_pipeline.game.state import ROUND_FIELDS

TABLES = {name: table for name, table in vars(schema).items() if isinstance(table, Table)}

OF_ROUNDS = {"live_players", "equipment_value", "start_money"}
OF_SNAPSHOTS = {"elapsed", "map_name", "ct_defuse_kits"} | {
    f"{side}_{name}" for side in ("ct", "t") for name in ("health", "armor", "helmets")
}
OF_CONTESTS = {"best_of", "map_name"} | {
    f"{side}_{name}" for side in ("first", "second") for name in ("name", "points", "rounds")
}
MAY_BE_UNKNOWN = {
    "ROUNDS": {"bomb_planted", "map_name"} | {f"{side}_{name}" for side in ("ct", "t") for name in OF_ROUNDS},
    "PARTICIPANTS": {"side", "has_helmet", "has_defuse_kit"},
    "KILLS": {"killer_id", "weapon"},
    "DAMAGES": set(),
    "BOMBS": {"event_type", "player_id"},
    "ROUND_SNAPSHOTS": OF_SNAPSHOTS,
    "ROUND_DATASET": OF_SNAPSHOTS,
    "PLAYER_MATCH_STATS": {"player_name", "map_name", "trade_kills", "trade_deaths"}
    | {f"{kind}_1v{size}" for kind in ("clutches", "clutch_attempts") for size in range(1, 6)},
    "WIN_PROBABILITY_ADDED": {"low", "high"},
    "PLAYERS": {"player_name", "win_probability_added"},
    "PLAYER_DATASET": set(),
    "MAPS": {"played_at", "map_name", "first_name", "second_name"},
    "CONTESTS": OF_CONTESTS | {"first_score", "second_score"},
    "FORECAST_SETTLEMENTS": set(),
    "MATCH_DATASET": OF_CONTESTS,
}
MAY_BE_UNKNOWN["EVENT_ROUNDS"] = MAY_BE_UNKNOWN["ROUNDS"] | {"end_tick"}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_an_empty_table_has_every_column_in_its_type(table: Table) -> None:
    empty = table.empty()
    assert list(empty.columns) == table.names
    assert {name: str(dtype) for name, dtype in empty.dtypes.items()} == {c.name: c.dtype for c in table}
    pd.testing.assert_frame_equal(table.conform(empty), empty)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_column_says_what_it_means_and_occurs_once(table: Table) -> None:
    assert len(set(table.names)) == len(table.names)
    assert all(column.meaning for column in table)


@pytest.mark.parametrize("name", TABLES)
def test_what_may_be_unknown_is_known_and_nothing_else_may_be(name: str) -> None:
    assert {column.name for column in TABLES[name] if column.nullable} == MAY_BE_UNKNOWN[name]


def test_a_snapshot_holds_every_field_of_a_state() -> None:
    assert {field.name for field in ROUND_FIELDS} <= set(ROUND_SNAPSHOTS.names) <= set(ROUND_DATASET.names)


def test_a_missing_column_is_named_with_its_table() -> None:
    with pytest.raises(DatasetError, match="table kills has no column tick, weapon"):
        KILLS.conform(KILLS.empty().drop(columns=["tick", "weapon"]))


def kill(**changes: object) -> pd.DataFrame:
    row = {"round_id": 1, "tick": 5, "killer_id": None, "victim_id": 2, "weapon": None, "is_team_kill": False}
    return pd.DataFrame([row | changes])


def test_values_are_brought_to_their_types_and_other_columns_left_behind() -> None:
    frame = KILLS.conform(kill(tick=5.0, more="x"))
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {c.name: c.dtype for c in KILLS}


def test_a_null_where_none_may_be_is_named_with_its_row() -> None:
    with pytest.raises(DatasetError, match="table kills, column victim_id: 1 values are null, the first in row 0"):
        KILLS.conform(kill(victim_id=None))


def test_a_value_of_another_kind_is_named_with_its_column() -> None:
    with pytest.raises(DatasetError, match="table kills, column tick"):
        KILLS.conform(kill(tick="later"))
