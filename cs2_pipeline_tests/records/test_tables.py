"""What tables hold: moments as text that sorts as time does, and numbers that are given or made up."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import insert, select

from cs2_pipeline.records.tables import EVENTS, LEDGER, METADATA, SIGNING_KEYS, Moment, moment_text

NOON = datetime(2026, 1, 18, 12, 0, 0, 123_456, tzinfo=UTC)


def test_a_moment_is_text_in_utc_with_microseconds():
    assert moment_text(NOON) == "2026-01-18T12:00:00.123456Z"
    assert moment_text(NOON.astimezone(timezone(timedelta(hours=2)))) == moment_text(NOON)
    assert len(moment_text(NOON)) == Moment.impl.length == 27
    later = [NOON + timedelta(microseconds=one) for one in (0, 1, 10, 10**6, 10**12)]
    assert sorted(map(moment_text, later)) == list(map(moment_text, later))


def test_a_moment_comes_back_as_it_was_and_none_as_none(records):
    with records.writing() as connection:
        connection.execute(insert(SIGNING_KEYS).values(id="k", secret="s", created_at=NOON))
    with records.reading() as connection:
        assert connection.execute(select(SIGNING_KEYS.c.created_at)).scalar_one() == NOON
    assert Moment().process_bind_param(None, None) is None and Moment().process_result_value(None, None) is None


def test_the_ledger_numbers_its_entries_itself_and_events_are_numbered_by_the_database():
    given = {f"{table.name}.{column.name}" for table in METADATA.sorted_tables for column in table.primary_key
             if column.autoincrement is False}  # fmt: skip
    assert given == {"ledger.seq", "ledger_head.id", "directory_revision.id", "plan_ticks.session"}
    assert LEDGER.c.seq.autoincrement is False and EVENTS.c.seq.autoincrement is True


@pytest.mark.parametrize("table", METADATA.sorted_tables, ids=lambda table: table.name)
def test_every_table_has_a_key_and_nothing_of_a_key_is_missing(table):
    assert len(table.primary_key) >= 1
    assert not any(column.nullable for column in table.primary_key)
