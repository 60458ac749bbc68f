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


@dg.asset
def trained(context: dg.AssetExecutionContext) -> dict:
    return {"version": context.run.tags["makes"]}


def acting_on(acted, fails=()):
    """Assets of which the second acts on the version that the first made, and then fails as often as told."""

    @dg.asset
    def promoted(trained: dict) -> None:
        acted.append(trained["version"])
        if fails:
            raise OSError(fails.pop())

    return [trained, promoted]


def test_a_run_acts_on_its_own_document_although_another_run_wrote_in_between(tables):
    resources, acted = {"io_manager": TableIOManager(tables)}, []

    @dg.asset(deps=[trained])
    def another_run() -> None:
        assert dg.materialize(acting_on(acted), resources=resources, tags={"makes": "2"}).success

    @dg.asset(deps=[another_run])
    def promoted(trained: dict) -> None:
        acted.append(trained["version"])

    assert dg.materialize([trained, another_run, promoted], resources=resources, tags={"makes": "1"}).success
    assert acted == ["2", "1"]


REPEATED = {}
"""What `repeated_job` is made of: Dagster repeats a run only of a job that it can make anew."""


def repeated_job():
    resources = {"io_manager": TableIOManager(REPEATED["tables"])}
    job = dg.define_asset_job("train", "*", executor_def=dg.in_process_executor)
    return dg.Definitions(REPEATED["assets"], resources=resources, jobs=[job]).resolve_job_def("train")


def test_a_run_that_repeats_a_failed_step_acts_on_the_document_of_the_run_it_repeats(tables, tmp_path):
    acted = []
    REPEATED.update(tables=tables, assets=acting_on(acted, ["MLflow is away"]))
    job = dg.reconstructable(repeated_job)
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        with dg.execute_job(job, instance, tags={"makes": "1"}, raise_on_error=False) as first:
            assert not first.success
        tables.write_json("trained", {"version": "2"})
        options = dg.ReexecutionOptions.from_failure(first.run_id, instance)
        with dg.execute_job(job, instance, reexecution_options=options) as again:
            assert again.success
    assert acted == ["1", "1"]


def test_an_asset_materialised_alone_acts_on_the_newest_document(tables):
    resources, acted = {"io_manager": TableIOManager(tables)}, []
    assets = acting_on(acted)
    for version in ("1", "2"):
        assert dg.materialize(assets[:1], resources=resources, tags={"makes": version}).success
    assert dg.materialize(assets, selection=assets[1:], resources=resources).success
    assert acted == ["2"]


def test_a_table_that_was_never_written_is_named(tables):
    with pytest.raises(MissingTableError, match="'rounds'"):
        tables.read("rounds")
