"""Forecasts written together: each answered when it is there, in the order asked, none twice, none lost."""

import asyncio
import threading

import pytest

from bento.gateway import group_commit
from bento.gateway.group_commit import LARGEST_GROUP, MOST_WAITING, GroupCommit
from bento.http.problems import Problem
from cs2_pipeline.records import ledger
from cs2_pipeline.records.database import RecordsError, open_records
from cs2_pipeline.records.ledger import Draft
from cs2_pipeline.settings import Settings


@pytest.fixture
def records(tmp_path):
    made = open_records(Settings(home=tmp_path))
    yield made
    made.close()


def drafts(count):
    return [Draft("map", {"n": number}) for number in range(count)]


def appended(records, asked):
    """What each draft is answered with, all asked at once."""

    async def run():
        group = GroupCommit(records)
        async with group.running():
            return await asyncio.gather(*(group.append(one) for one in asked), return_exceptions=True)

    return asyncio.run(run())


def test_all_that_have_come_are_in_the_ledger_in_their_order(records, monkeypatch):
    groups = []
    append = ledger.append
    monkeypatch.setattr(
        group_commit.ledger, "append", lambda *of, new: (groups.append((len(of[1]), new)), append(*of, new=new))[1]
    )
    asked = drafts(LARGEST_GROUP + 3)
    found = appended(records, asked)
    assert [entry.seq for entry in found] == list(range(1, LARGEST_GROUP + 4))
    assert [entry.id for entry in found] == [one.id for one in asked]
    assert groups == [(LARGEST_GROUP, True), (3, True)]
    assert list(ledger.entries(records)) == found and ledger.verify(records) == []


def test_a_write_whose_end_nobody_knows_is_tried_again_and_writes_nothing_twice(records, monkeypatch):
    """The connection breaks during the commit: the entries may be there, or not."""
    append, calls = ledger.append, []

    def breaks(connection, asked, *, new):
        calls.append(new)
        found = append(connection, asked, new=new)
        if len(calls) == 1:
            connection.commit()
            raise RecordsError("the connection broke")
        return found

    monkeypatch.setattr(group_commit.ledger, "append", breaks)
    found = appended(records, drafts(2))
    assert calls == [True, False]
    assert [entry.seq for entry in found] == [1, 2] and ledger.head(records).seq == 2


def test_what_cannot_be_written_is_said_to_each_and_the_next_is_written(records, monkeypatch):
    async def run():
        group = GroupCommit(records)
        async with group.running():
            with monkeypatch.context() as broken:
                broken.setattr(group_commit.ledger, "append", lambda *_, **__: 1 / 0)
                failed = await asyncio.gather(*(group.append(one) for one in drafts(2)), return_exceptions=True)
            return failed, await group.append(drafts(1)[0])

    failed, entry = asyncio.run(run())
    assert [type(one) for one in failed] == [ZeroDivisionError, ZeroDivisionError] and entry.seq == 1


def test_so_many_may_wait_and_no_more(records):
    async def run():
        group = GroupCommit(records)
        group._waiting = [(None, None)] * (MOST_WAITING - 1)
        waiting = asyncio.create_task(group.append(drafts(1)[0]))
        await asyncio.sleep(0)
        with pytest.raises(Problem) as refused:
            await group.append(drafts(1)[0])
        waiting.cancel()
        return refused.value.status, len(group._waiting)

    assert asyncio.run(run()) == (429, MOST_WAITING)


def test_what_has_come_before_the_end_is_written_though_nobody_waits_for_it(records, monkeypatch):
    began, go_on = threading.Event(), threading.Event()
    append = ledger.append

    def slow(*of, new):
        began.set()
        go_on.wait()
        return append(*of, new=new)

    monkeypatch.setattr(group_commit.ledger, "append", slow)

    async def run():
        group = GroupCommit(records)
        async with group.running():
            asking = [asyncio.create_task(group.append(one)) for one in drafts(2)]
            while not began.is_set():
                await asyncio.sleep(0)
            asking[0].cancel()
            go_on.set()

    asyncio.run(run())
    assert ledger.head(records).seq == 2
