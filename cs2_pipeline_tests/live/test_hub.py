"""What is published reaches its subscribers at once, and nobody is waited for."""

import asyncio
from contextlib import AsyncExitStack, aclosing

import pytest

from cs2_pipeline.live import hub as hubs
from cs2_pipeline.live.hub import Hub, TooManySubscribersError, Update


def price(number: int, match: str = "m", trigger: str = "kill") -> Update:
    return Update("prediction", match, "", {"n": number, "trigger_event_type": trigger})


async def attached() -> Hub:
    hub = Hub()
    hub.attach(asyncio.get_running_loop())
    return hub


def test_everything_that_is_there_comes_at_once_and_in_order() -> None:
    async def scene():
        hub = await attached()
        async with aclosing(hub.subscribe(["prediction"], "m")) as batches:
            assert await anext(batches) == []  # it stands
            hub.publish([price(1), price(2, "other"), Update("score", "m", "", {})])
            hub.publish([price(3)])
            return [update.data["n"] for update in await anext(batches)]

    assert asyncio.run(scene()) == [1, 3]


def test_silence_is_told_and_ends_nothing() -> None:
    async def scene():
        hub = await attached()
        async with aclosing(hub.subscribe(["prediction"], "m", beat=0.01)) as batches:
            assert [await anext(batches) for _ in range(3)] == [[], [], []]
            hub.publish([price(1)])
            while not (found := await anext(batches)):
                pass
            return found

    assert asyncio.run(scene()) == [price(1)]


def test_who_is_too_slow_gets_what_was_there_and_then_the_end(monkeypatch) -> None:
    monkeypatch.setattr(hubs, "QUEUE", 10)

    async def scene():
        hub = await attached()
        async with aclosing(hub.subscribe(["prediction"], "m")) as batches:
            await anext(batches)
            hub.publish([price(n) for n in range(11)])
            return [[update.data["n"] for update in batch] async for batch in batches], hub.count

    (found, count) = asyncio.run(scene())
    assert found == [list(range(10))] and count == 0


def test_nobody_takes_all_subscriptions(monkeypatch) -> None:
    monkeypatch.setattr(hubs, "MAX_OF_ONE", 2)

    async def scene():
        hub = await attached()
        async with AsyncExitStack() as open_ones:
            for _ in range(2):
                batches = await open_ones.enter_async_context(aclosing(hub.subscribe(["score"], "m", caller="greedy")))
                await anext(batches)
            with pytest.raises(TooManySubscribersError, match="you have 2"):
                await anext(hub.subscribe(["score"], "m", caller="greedy"))
            async with aclosing(hub.subscribe(["score"], "m", caller="other")) as batches:
                assert await anext(batches) == []
        hub.require_room("greedy")
        return hub.count, hub._of_one

    assert asyncio.run(scene()) == (0, {})


def test_the_last_price_is_known_at_once_and_a_clock_or_a_score_is_none(monkeypatch) -> None:
    monkeypatch.setattr(hubs, "MAX_LAST", 2)

    async def scene():
        hub = await attached()
        hub.publish([price(1), price(2), price(3, trigger="clock"), Update("score", "m", "", {})])
        assert hub.last_price("m") == price(2).data
        hub.publish([Update("correction", "m", "", {"prediction": {"n": 4}})])
        assert hub.last_price("m") == {"n": 4}
        hub.publish([price(5, "second"), price(6, "third")])
        return [hub.last_price(match) for match in ("m", "second", "third")]

    assert asyncio.run(scene()) == [None, price(5).data, price(6).data]


def test_an_update_is_written_down_once() -> None:
    update = price(1)
    assert update.json is update.json == b'{"n":1,"trigger_event_type":"kill"}'
