"""Databases that appear whole or not at all."""

import sqlite3

import numpy as np
import pytest

from cs2_pipeline.demodb import tables
from cs2_pipeline.demodb.simulator import writer

COLUMNS = [column.name for column in tables.METADATA.tables["Bombs"].columns]


def bombs(count, **columns):
    return {"Id": np.arange(count) + 1} | dict.fromkeys(COLUMNS[1:], 1) | columns


def tables_of(path):
    connection = sqlite3.connect(path)
    try:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    finally:
        connection.close()


def test_a_new_database_has_all_tables_and_indexes_and_is_readable_by_all(tmp_path):
    path = tmp_path / "demos.sqlite"
    with writer.new_database(path) as connection:
        assert not path.exists(), "it appears when it is whole"
        assert connection.execute('SELECT COUNT(*) FROM "Rounds"').fetchone() == (0,)
    assert tables_of(path) == set(writer.table_names()) == set(tables.METADATA.tables)
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_database_that_breaks_off_leaves_the_former_one_and_nothing_else(tmp_path):
    path = tmp_path / "demos.sqlite"
    path.write_text("former")
    with pytest.raises(KeyboardInterrupt), writer.new_database(path):
        raise KeyboardInterrupt
    assert path.read_text() == "former"
    assert list(tmp_path.iterdir()) == [path]


def test_tables_come_after_those_they_refer_to():
    names = writer.table_names()
    for table in tables.METADATA.sorted_tables:
        for key in table.foreign_keys:
            assert names.index(key.column.table.name) <= names.index(table.name)


def test_arrays_lists_and_single_values_become_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "_SLICE", 2)
    rows = bombs(5, Tick=np.arange(5) * 10, EventType=[f"event {n}" for n in range(5)], Site=None)
    with writer.new_database(tmp_path / "d") as connection:
        assert writer.insert(connection, "Bombs", rows) == 5
        found = connection.execute('SELECT "Id", "Tick", "EventType", "Site" FROM "Bombs" ORDER BY "Id"').fetchall()
    assert found == [(n + 1, 10 * n, f"event {n}", None) for n in range(5)]


def test_rows_that_lack_a_column_are_refused_by_its_name(tmp_path):
    rows = bombs(1)
    del rows["Site"], rows["Tick"]
    missing = ", ".join(name for name in COLUMNS if name in ("Site", "Tick"))
    with writer.new_database(tmp_path / "d") as connection, pytest.raises(KeyError, match=f"Bombs lack.*{missing}"):
        writer.insert(connection, "Bombs", rows)


def test_ids_go_on_from_the_last_and_from_none(tmp_path):
    with writer.new_database(tmp_path / "d") as connection:
        assert set(writer.last_ids(connection).values()) == {0}
        writer.insert(connection, "Bombs", bombs(3))
        assert writer.last_ids(connection)["Bombs"] == 3


def test_what_is_added_is_there_for_all_or_rolled_back(tmp_path):
    path = tmp_path / "d"
    with writer.new_database(path):
        pass
    with pytest.raises(RuntimeError), writer.existing_database(path) as connection:
        writer.insert(connection, "Bombs", bombs(1))
        raise RuntimeError
    with writer.existing_database(path) as connection:
        assert writer.last_ids(connection)["Bombs"] == 0
        writer.insert(connection, "Bombs", bombs(2))
        with sqlite3.connect(path, timeout=0) as other, pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()
    with writer.existing_database(path) as connection:
        assert writer.last_ids(connection)["Bombs"] == 2
