"""Query in, Arrow out: the same types and rows on every route, whatever the values."""

from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    Float,
    Integer,
    Numeric,
    Unicode,
    bindparam,
    create_engine,
    select,
    text,
)  # fmt: skip
from sqlalchemy.dialects import postgresql, sqlite

from cs2_pipeline.demodb import tables
from cs2_pipeline.demodb.connection import read
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.connection.errors import SchemaMismatchError
from cs2_pipeline_tests.demodb.small_database import STEAM_IDS, SmallDatabase

LONG = 20_000
"""Rows enough that a driver which guesses types from the first ones has made up its mind."""


@pytest.mark.parametrize(
    ("declared", "arrow"),
    [
        (Integer(), pa.int64()), (BigInteger(), pa.int64()), (Boolean(), pa.bool_()), (Float(), pa.float64()),
        (Numeric(20, 0), pa.string()), (DateTime(), read.TIME), (Unicode(50), pa.string()),
    ],
)  # fmt: skip
def test_every_declared_type_has_its_arrow_type(declared, arrow):
    assert read.arrow_type(declared) == arrow


def conformed(values, kind):
    batch = pa.RecordBatch.from_arrays([values if isinstance(values, pa.Array) else pa.array(values)], names=["raw"])
    return read.conform(batch, pa.schema([("x", kind)]))["x"].to_pylist()


AT = datetime(2026, 3, 1, 12, 5, 6, 700_001, UTC)


@pytest.mark.parametrize(
    ("values", "kind", "found"),
    [
        ([1, 0, None], pa.bool_(), [True, False, None]), ([Decimal(7), None], pa.string(), ["7", None]),
        ([76561198000000001, None], pa.string(), ["76561198000000001", None]), (["12", None], pa.int64(), [12, None]),
        ([1, 2], pa.float64(), [1.0, 2.0]), ([None, None], read.TIME, [None, None]),
        (["2026-03-01 12:05:06.700001", None], read.TIME, [AT, None]),
        (["2026-03-01T13:05:06.700001+01:00", " ", None], read.TIME, [AT, None, None]),
        (pa.array([AT.replace(tzinfo=None)], pa.timestamp("us")), read.TIME, [AT]),
        (pa.array([AT], pa.timestamp("us", tz="Europe/Berlin")), read.TIME, [AT]),
        (pa.array([1_772_366_706_700_001_999], pa.timestamp("ns")), read.TIME, [AT]),
    ],
)  # fmt: skip
def test_raw_values_arrive_in_the_declared_type(values, kind, found):
    assert conformed(values, kind) == found


@pytest.mark.parametrize(
    ("values", "kind", "said"),
    [
        (["many"], pa.int64(), "column x should hold int64 and holds string values that are not: .*many"),
        (["yes"], pa.bool_(), "column x should hold bool"), (["noon"], read.TIME, "column x should hold timestamp"),
        ([5], read.TIME, "int64 where a time was expected"),
    ],
)  # fmt: skip
def test_values_that_are_not_of_their_type_are_refused_by_column_and_value(values, kind, said):
    with pytest.raises(SchemaMismatchError, match=said):
        conformed(values, kind)


def test_a_key_that_ascends_can_be_resumed_after_and_another_not():
    def batch(*keys):
        return pa.RecordBatch.from_arrays([pa.array(keys), pa.array(keys)], names=["a", "demo_id"])

    assert read.last_key(batch(4, 7, 9), "demo_id") == 9
    assert read.last_key(batch(4), "demo_id") == 4
    for keys in ((4, 4), (4, 9, 7)):
        with pytest.raises(SchemaMismatchError, match="demo_id is not a unique ascending key"):
            read.last_key(batch(*keys), "demo_id")


def test_values_are_bound_by_place_or_name_and_times_in_sqlite_as_the_text_it_keeps():
    demos = tables.DEMO_FILES.c
    query = select(demos.Id).where(demos.ParsedAt > bindparam("since"), demos.Id < bindparam("id"))
    params = {"since": AT.replace(tzinfo=None), "id": 7}
    sql, bound = read.statement(query, params, sqlite.dialect())
    assert bound == ("2026-03-01 12:05:06.700001", 7)
    assert sql.count("?") == 2
    sql, bound = read.statement(query, params, postgresql.dialect())
    assert bound == {"since": AT.replace(tzinfo=None), "id": 7}
    assert "%(since)s" in sql


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
