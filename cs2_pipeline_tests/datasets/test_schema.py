"""Tables: typed when empty, strict about what they are given."""

import pandas as pd
import pytest

from cs2_pipeline.datasets.schema import KILLS, ROUND_DATASET, ROUND_SNAPSHOTS, TABLES, DatasetError, Table
from cs2_pipeline.game.state import ROUND_FIELDS


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
