"""What Dagster's pages show of tables: counts, samples, columns and where they come from."""

import dagster as dg
import pandas as pd

from cs2_pipeline.datasets.schema import KILLS, ROUND_DATASET, ROUND_SNAPSHOTS
from cs2_pipeline.defs import metadata


def test_a_table_is_shown_with_its_rows_a_sample_and_what_was_left_out():
    frame = pd.DataFrame({"a|b": range(7), "share": [1 / 3] * 7, "text": ["x|y"] * 7})
    found = metadata.of_frame(frame, {"warm-up round": 1_200, "knife round": 3})
    assert (found["dagster/row_count"], found["left_out_total"]) == (7, 1_203)
    assert found["left_out"].value == "| reason | count |\n|---|---|\n| warm-up round | 1,200 |\n| knife round | 3 |"
    lines = found["sample"].value.splitlines()
    assert lines[1:3] == ["|---|---|---|", "| 0 | 0.3333 | x\\|y |"]
    assert len(lines) == 2 + 5
    assert "left_out" not in metadata.of_frame(frame)


def test_nothing_left_out_is_said():
    assert metadata.counts({}) == "nothing"
    assert metadata.of_days_left_out({})["days_left_out"].value == "none"
    found = metadata.of_days_left_out({"2026-01-01": "in quarantine", "2026-01-02": "not checked"})
    assert found["days_left_out_total"] == 2
    assert found["days_left_out"].value.endswith("| 2026-01-01 | in quarantine |\n| 2026-01-02 | not checked |")


def test_columns_are_shown_with_type_meaning_and_whether_they_may_be_empty():
    schema = metadata.column_schema(KILLS)
    assert [column.name for column in schema.columns] == list(KILLS.names)
    for shown, column in zip(schema.columns, KILLS, strict=True):
        assert (shown.type, shown.description) == (column.dtype, column.meaning)
        assert shown.constraints.nullable == column.nullable


def test_columns_are_traced_to_those_of_the_same_name_upstream():
    lineage = metadata.column_lineage(ROUND_DATASET, {"round_snapshots": ROUND_SNAPSHOTS}).deps_by_column
    assert lineage["ct_alive"] == [dg.TableColumnDep(dg.AssetKey("round_snapshots"), "ct_alive")]
    assert "part" not in lineage
    assert set(lineage) == set(ROUND_DATASET.names) & set(ROUND_SNAPSHOTS.names)
