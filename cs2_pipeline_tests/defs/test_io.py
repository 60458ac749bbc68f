"""The IO manager on a real folder: what is written for a day, what is loaded, and what a dying run leaves."""

import dagster as dg
import pandas as pd
import pytest

from cs2_pipeline.datasets.store import MissingTableError, TableStore
from cs2_pipeline.defs.io import TableIOManager
from cs2_pipeline.defs.verdicts import State, Verdict, Verdicts

DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-05")
KEYS = ["2026-01-01", "2026-01-02", "2026-01-03"]


@pytest.fixture
def tables(tmp_path):
    return TableStore(str(tmp_path))


def frame(*days, value=1):
    times = pd.to_datetime([f"{day}T20:00:00Z" for day in days]).astype("datetime64[us, UTC]")
    return pd.DataFrame({"value": pd.Series([value] * len(days), dtype="int64"), "started_at": times})


def passed(tables, *keys):
    for key in keys:
        Verdicts(tables).pronounce("rounds", key, Verdict(State.PASSED))


def loaded(tables, keys):
    """What an asset over these days gets of `rounds`."""
    got = []

    @dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
    def downstream(rounds: pd.DataFrame) -> None:
        got.append(rounds)

    source = dg.AssetSpec("rounds", partitions_def=DAYS)
    dg.materialize(
        [downstream, source],
        resources={"io_manager": TableIOManager(tables)},
        tags={"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]},
        selection=[downstream],
    )
    return got[0]


def extract(tables, made, keys=KEYS, raise_on_error=True):
    """Materialise `rounds` over days in one run."""

    @dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
    def rounds() -> pd.DataFrame:
        return made

    return dg.materialize(
        [rounds],
        resources={"io_manager": TableIOManager(tables)},
        tags={"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]},
        raise_on_error=raise_on_error,
    )


def test_every_day_of_the_run_is_replaced_also_with_no_rows(tables):
    extract(tables, frame(KEYS[0], KEYS[1], KEYS[1]))
    assert [len(tables.read("rounds", [key])) for key in KEYS] == [1, 2, 0]
    extract(tables, frame(KEYS[2], value=2))
    assert [len(tables.read("rounds", [key])) for key in KEYS] == [0, 0, 1]


def test_rows_of_a_day_that_the_run_is_not_about_are_refused_and_nothing_is_replaced(tables):
    extract(tables, frame(*KEYS))
    result = extract(tables, frame(KEYS[0], KEYS[2], value=2), KEYS[:2], raise_on_error=False)
    assert not result.success
    assert set(tables.read("rounds")["value"]) == {1}


def test_only_days_that_passed_are_loaded(tables):
    extract(tables, frame(*KEYS))
    passed(tables, KEYS[0], KEYS[2])
    assert list(loaded(tables, KEYS)["started_at"].dt.strftime("%Y-%m-%d")) == [KEYS[0], KEYS[2]]
    assert len(loaded(tables, KEYS[2:])) == 1


def test_writing_a_day_withdraws_its_verdict_and_no_others(tables):
    extract(tables, frame(*KEYS))
    passed(tables, *KEYS)
    extract(tables, frame(KEYS[1]), KEYS[1:2])
    assert Verdicts(tables).passed("rounds", KEYS) == [KEYS[0], KEYS[2]]


def test_a_run_that_dies_while_it_writes_leaves_each_day_whole_and_trusts_none_it_touched(tables, monkeypatch):
    extract(tables, frame(*KEYS))
    passed(tables, *KEYS)
    write_whole = TableStore.write

    def dying(self, name, made, partition=None):
        if partition == KEYS[1]:
            raise OSError("no space left on device")
        return write_whole(self, name, made, partition)

    monkeypatch.setattr(TableStore, "write", dying)
    assert not extract(tables, frame(*KEYS, value=2), raise_on_error=False).success
    monkeypatch.undo()
    assert [tables.read("rounds", [key])["value"].tolist() for key in KEYS] == [[2], [1], [1]]
    assert Verdicts(tables).passed("rounds", KEYS) == [KEYS[2]]


def test_documents_and_whole_tables_come_back_as_they_went(tables):
    @dg.asset
    def document() -> dict:
        return {"version": "3"}

    @dg.asset
    def table(document: dict) -> pd.DataFrame:
        return frame(*KEYS, value=int(document["version"]))

    @dg.asset
    def reader(table: pd.DataFrame) -> None:
        assert set(table["value"]) == {3}

    assets = [document, table, reader]
    assert dg.materialize(assets, resources={"io_manager": TableIOManager(tables)}).success


def test_a_table_that_was_never_written_is_named(tables):
    with pytest.raises(MissingTableError, match="'rounds'"):
        tables.read("rounds")
