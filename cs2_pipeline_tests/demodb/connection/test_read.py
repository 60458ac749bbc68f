"""Query in, Arrow out: the same types and rows on every route, whatever the values."""

from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from sqlalchemy import bindparam, create_engine, select, text

from cs2_pipeline.demodb import tables
from cs2_pipeline.demodb.connection import read
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.connection.errors import SchemaMismatchError
from cs2_pipeline_tests.demodb.small_database import STEAM_IDS, SmallDatabase

LONG = 20_000
"""Rows enough that a driver which guesses types from the first ones has made up its mind."""


def test_declared_types_and_nulls_arrive_on_every_route(opened):
    small = SmallDatabase()
    small.row("Rounds", 1).update(EndTick=None, EndTime=None, BombSite=None)
    small.row("Rounds", 2)["EndTime"] = datetime(2026, 3, 1, 12, 5, 6, 700_001)
    rounds = tables.ROUNDS.c
    query = select(rounds.Id, rounds.EndTick, rounds.EndTime, rounds.BombPlanted, rounds.Duration, rounds.EndReason)
    table = opened(small).read(query.where(rounds.Id < 3).order_by(rounds.Id))
    assert table.schema == pa.schema(
        {
            "Id": pa.int64(),
            "EndTick": pa.int64(),
            "EndTime": read.TIME,
            "BombPlanted": pa.bool_(),
            "Duration": pa.float64(),
            "EndReason": pa.string(),
        }
    )
    assert table.to_pylist() == [
        {"Id": 1, "EndTick": None, "EndTime": None, "BombPlanted": False, "Duration": 78.0, "EndReason": "Elimination"},
        {
            "Id": 2,
            "EndTick": 26_000,
            "EndTime": datetime(2026, 3, 1, 12, 5, 6, 700_001, UTC),
            "BombPlanted": True,
            "Duration": 78.0,
            "EndReason": "TargetBombed",
        },
    ]


def test_a_steam_id_arrives_digit_by_digit(opened):
    query = select(tables.PLAYERS.c.SteamId).order_by(tables.PLAYERS.c.Id)
    table = opened(SmallDatabase()).read(query)
    assert table["SteamId"].to_pylist() == [str(steam_id) for steam_id in STEAM_IDS.values()]


def test_a_column_that_begins_with_many_nulls_keeps_its_values(opened):
    small = SmallDatabase()
    demo = small.row("DemoFiles", 1)
    small.rows["DemoFiles"] += [demo | {"Id": number, "ServerName": None} for number in range(2, LONG)]
    small.table("DemoFiles")[-1].update(ServerName="the last", DemoSource="gotv")
    files = tables.DEMO_FILES.c
    table = opened(small).read(select(files.Id, files.ServerName, files.DemoSource).order_by(files.Id))
    assert table["ServerName"].null_count == LONG - 2
    assert table.slice(LONG - 2).to_pylist() == [{"Id": LONG - 1, "ServerName": "the last", "DemoSource": "gotv"}]


def test_values_are_bound_and_never_part_of_the_text(opened):
    rounds = tables.ROUNDS.c
    query = select(rounds.Id).where(rounds.EndReason == bindparam("reason"))
    db = opened(SmallDatabase())
    assert db.read(query, {"reason": "TargetBombed"})["Id"].to_pylist() == [2]
    assert db.read(query, {"reason": "' OR 1=1 --"}).num_rows == 0


def test_an_empty_result_has_the_types_of_a_full_one(opened):
    query = select(tables.MATCHES).where(tables.MATCHES.c.Id < 0)
    table = opened(SmallDatabase()).read(query)
    assert table.num_rows == 0
    assert table.schema == read.arrow_schema(query)


def test_batches_come_in_the_order_of_the_key_and_together_hold_every_row(opened):
    small = SmallDatabase()
    demo = small.row("DemoFiles", 1)
    small.rows["DemoFiles"] += [demo | {"Id": number} for number in range(LONG, 1, -1)]
    db = opened(small)
    batches = list(db.batches(select(tables.DEMO_FILES.c.Id.label("demo_id")), key="demo_id"))
    assert [row for batch in batches for row in batch["demo_id"].to_pylist()] == list(range(1, LONG + 1))


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-03-01 12:00:00", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01T12:00:00.5", datetime(2026, 3, 1, 12, 0, 0, 500_000, UTC)),
        ("2026-03-01 12:00:00.1234567", datetime(2026, 3, 1, 12, 0, 0, 123_456, UTC)),
        ("2026-03-01T12:00:00Z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01T12:00:00+02:00", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("0001-01-01 00:00:00", datetime(1, 1, 1, tzinfo=UTC)),
        ("", None),
    ],
)
@pytest.mark.parametrize("portable", [True, False])
def test_times_kept_as_text_are_read_in_every_iso_form(tmp_path, written, moment, portable):
    url = SmallDatabase().write(tmp_path / "demos.sqlite")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text('UPDATE "Rounds" SET "EndTime" = :written'), {"written": written})
    engine.dispose()
    with DemoDatabase(url, portable=portable) as db:
        assert db.read(select(tables.ROUNDS.c.EndTime))["EndTime"].to_pylist() == [moment] * 3


@pytest.mark.parametrize("portable", [True, False])
def test_a_value_of_the_wrong_kind_is_an_error_that_names_what_is_wrong(tmp_path, portable):
    url = SmallDatabase().write(tmp_path / "demos.sqlite")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text('UPDATE "Rounds" SET "StartTime" = \'yesterday\', "CTScore" = \'many\' WHERE "Id" = 2'))
    engine.dispose()
    with DemoDatabase(url, portable=portable) as db:
        with pytest.raises(SchemaMismatchError, match="StartTime"):
            db.read(select(tables.ROUNDS.c.StartTime))
        with pytest.raises(SchemaMismatchError):
            db.read(select(tables.ROUNDS.c.CTScore))


def test_exact_decimals_bits_and_zones_of_other_drivers_are_conformed():
    """What drivers of SQL Server hand over: decimal128, bit as bool or byte, datetime2 of 100 ns, datetimeoffset."""
    schema = pa.schema([("steam", pa.string()), ("bit", pa.bool_()), ("at", read.TIME), ("count", pa.int64())])
    raw = pa.RecordBatch.from_arrays(
        [
            pa.array([Decimal(76561198000000001), None], pa.decimal128(20, 0)),
            pa.array([1, 0], pa.uint8()),
            pa.array([1_700_000_000_123_456_700, None], pa.timestamp("ns")),
            pa.array([5, None], pa.int32()),
        ],
        names=["a", "b", "c", "d"],
    )
    moment = datetime.fromtimestamp(1_700_000_000, UTC).replace(microsecond=123_456)
    assert read.conform(raw, schema).to_pylist() == [
        {"steam": "76561198000000001", "bit": True, "at": moment, "count": 5},
        {"steam": None, "bit": False, "at": None, "count": None},
    ]


def test_keys_that_do_not_ascend_or_repeat_cannot_be_read_on_from():
    assert read.last_key(pa.record_batch({"Id": [4, 5, 9]}), "Id") == 9
    for keys in ([4, 5, 5], [4, 3, 9]):
        with pytest.raises(SchemaMismatchError, match="column Id is not a unique ascending key"):
            read.last_key(pa.record_batch({"Id": keys}), "Id")
