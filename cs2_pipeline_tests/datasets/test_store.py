"""Tables are replaced whole, read back as they were, and never seen half-written."""

import pandas as pd
import pytest

from cs2_pipeline.datasets.store import MissingTableError, TableStore

FRAME = pd.DataFrame(
    {
        "round_id": pd.Series([1, 2], dtype="int64"),
        "map_name": pd.Series(["de_nuke", None], dtype="str"),
        "started_at": pd.to_datetime(["2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z"]).as_unit("us"),
    }
)


@pytest.fixture(params=["folder", "memory"])
def store(request, tmp_path):
    return TableStore(str(tmp_path) if request.param == "folder" else f"memory://{tmp_path}")


def test_a_table_comes_back_as_it_was_written(store):
    store.write("rounds", FRAME)
    pd.testing.assert_frame_equal(store.read("rounds"), FRAME)


def test_partitions_are_read_together_and_missing_ones_are_left_out(store):
    store.write("rounds", FRAME.iloc[:1], "2026-01-01")
    store.write("rounds", FRAME.iloc[1:], "2026-01-02")
    assert store.partitions("rounds") == ["2026-01-01", "2026-01-02"]
    assert list(store.read("rounds", ["2026-01-02", "2026-01-03"])["round_id"]) == [2]
    assert list(store.read("rounds")["round_id"]) == [1, 2]


def test_an_empty_partition_does_not_change_types(store):
    store.write("rounds", FRAME.iloc[:0], "2026-01-01")
    store.write("rounds", FRAME, "2026-01-02")
    pd.testing.assert_frame_equal(store.read("rounds"), FRAME)


def test_writing_a_partition_again_replaces_it_byte_for_byte(tmp_path):
    store = TableStore(str(tmp_path))
    path = store.write("rounds", FRAME, "2026-01-01")
    before = (tmp_path / "rounds" / "2026-01-01.parquet").read_bytes()
    assert store.write("rounds", FRAME, "2026-01-01") == path
    assert (tmp_path / "rounds" / "2026-01-01.parquet").read_bytes() == before
    store.write("rounds", FRAME.iloc[:1], "2026-01-01")
    assert len(store.read("rounds")) == 1


def test_a_write_that_fails_leaves_the_former_table_and_no_other_file(tmp_path):
    store = TableStore(str(tmp_path))
    store.write("rounds", FRAME)
    with pytest.raises(RuntimeError), store._replacing(f"{tmp_path}/rounds.parquet") as file:
        file.write(b"half")
        raise RuntimeError
    pd.testing.assert_frame_equal(store.read("rounds"), FRAME)
    assert [path.name for path in tmp_path.iterdir()] == ["rounds.parquet"]


def test_what_was_never_written_is_named(store):
    with pytest.raises(MissingTableError, match="no table 'rounds'"):
        store.read("rounds")
    with pytest.raises(MissingTableError, match="no 'round_predictor'"):
        store.read_json("round_predictor")


def test_documents_come_back(store):
    store.write_json("round_predictor", {"version": "3"})
    assert store.read_json("round_predictor") == {"version": "3"}


def test_documents_of_a_folder_are_listed_until_they_are_removed(store):
    assert store.documents("marks") == []
    store.write_json("marks/b", {})
    store.write_json("marks/a.c", {})
    assert store.documents("marks") == ["a.c", "b"]
    store.remove_json("marks/b")
    store.remove_json("marks/b")
    assert store.documents("marks") == ["a.c"]


def test_a_table_is_there_from_its_first_row_of_any_partition_until_its_folder_is_removed(store):
    assert not store.exists("rounds")
    store.write("rounds", FRAME, "2026-01-01")
    store.write("kills", FRAME)
    store.write_json("rounds/marks/a", {})
    assert store.exists("rounds") and store.exists("kills")
    store.remove_folder("rounds")
    assert not store.exists("rounds")
    assert store.documents("rounds/marks") == []
    assert store.exists("kills")
    store.remove_folder("rounds")
    assert store.partitions("rounds") == []


def test_partitions_are_read_in_the_order_asked_for_and_columns_alone_where_they_are_named(store):
    store.write("rounds", FRAME.iloc[:1], "2026-01-01")
    store.write("rounds", FRAME.iloc[1:], "2026-01-02")
    assert store.read("rounds", ["2026-01-02", "2026-01-01"])["round_id"].tolist() == [2, 1]
    assert list(store.read("rounds", columns=["map_name"]).columns) == ["map_name"]
    with pytest.raises(MissingTableError, match="no table 'rounds'"):
        store.read("rounds", ["2026-02-01"])


def test_a_table_without_a_row_keeps_its_columns_and_types(store):
    for partition in ("2026-01-01", "2026-01-02"):
        store.write("rounds", FRAME.iloc[:0], partition)
    pd.testing.assert_frame_equal(store.read("rounds"), FRAME.iloc[:0])


def test_tables_and_documents_have_their_files_where_they_are_said_to_be(tmp_path):
    store = TableStore(str(tmp_path))
    shuffled = FRAME.set_axis([7, 5])
    assert store.write("rounds", shuffled) == f"{tmp_path}/rounds.parquet"
    assert store.write("rounds/of", FRAME, "a.b") == f"{tmp_path}/rounds/of/a.b.parquet"
    assert store.partitions("rounds/of") == ["a.b"]
    pd.testing.assert_frame_equal(store.read("rounds"), FRAME)
    assert store.write_json("marks/one", {"b": 1, "a": [2]}) == f"{tmp_path}/marks/one.json"
    assert (tmp_path / "marks/one.json").read_text() == '{\n  "a": [\n    2\n  ],\n  "b": 1\n}'
    store.write_json("marks/deeper/two", {})
    assert store.documents("marks") == ["one"], "directly in the folder"


def test_what_another_process_wrote_or_removed_is_seen_at_once(tmp_path):
    mine, other = TableStore(f"memory://{tmp_path}"), TableStore(f"memory://{tmp_path}")
    assert (mine.partitions("rounds"), mine.documents("marks")) == ([], [])
    other.write("rounds", FRAME, "2026-01-01")
    other.write_json("marks/a", {})
    assert (mine.partitions("rounds"), mine.documents("marks")) == (["2026-01-01"], ["a"])
