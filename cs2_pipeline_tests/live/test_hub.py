"""What is published reaches its subscribers at once, and nobody is waited for."""

import asyncio
from contextlib import AsyncExitStack, aclosing

import pytest
from prometheus_client import REGISTRY

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


def test_a_subscriber_gets_the_kinds_and_the_tournament_it_asked_for() -> None:
    async def scene():
        hub = await attached()
        about = {"n": 0, "trigger_event_type": "kill"}
        places = [(match, tournament) for match in ("m", "x") for tournament in ("Major", "")]
        sent = [Update(kind, *place, about) for kind in ("prediction", "score") for place in places]
        found = []
        for asked in ({"match_id": "m"}, {"tournament": "Major"}, {"match_id": "x", "tournament": "Major"}, {}):
            async with aclosing(hub.subscribe(["score"], **asked)) as batches:
                await anext(batches)
                hub.publish(sent)
                found.append([(one.kind, one.match_id, one.tournament) for one in await anext(batches)])
        return found

    of_match, of_tournament, of_both, everything = asyncio.run(scene())
    assert of_match == [("score", "m", "Major"), ("score", "m", "")]
    assert of_tournament == [("score", "m", "Major"), ("score", "x", "Major")]
    assert of_both == [("score", "x", "Major")]
    assert len(everything) == 4


def test_no_more_than_all_places_are_given(monkeypatch) -> None:
    monkeypatch.setattr(hubs, "MAX_SUBSCRIBERS", 2)

    async def scene():
        hub = await attached()
        async with AsyncExitStack() as open_ones:
            for caller in "ab":
                await anext(await open_ones.enter_async_context(aclosing(hub.subscribe(["score"], caller=caller))))
            assert hub.count == 2
            with pytest.raises(TooManySubscribersError, match="2 subscribers are served already"):
                hub.require_room("c")
        hub.require_room("c")

    asyncio.run(scene())


def test_a_place_and_a_queue_are_as_large_as_is_told() -> None:
    assert (hubs.QUEUE, hubs.MAX_SUBSCRIBERS, hubs.MAX_OF_ONE, hubs.MAX_LAST) == (256, 10_000, 2_000, 5_000)


def test_a_hub_that_serves_nobody_yet_or_no_more_keeps_nothing() -> None:
    hub = Hub()
    hub.publish([price(1)])
    assert hub.last_price("m") is None

    async def scene():
        hub.attach(asyncio.get_running_loop())
        hub.publish([])
        hub.publish([price(2)])

    asyncio.run(scene())
    assert hub.last_price("m") == price(2).data
    hub.publish([price(3)])  # its event loop is closed
    assert hub.last_price("m") == price(2).data


def test_the_match_told_of_last_is_remembered_longest(monkeypatch) -> None:
    monkeypatch.setattr(hubs, "MAX_LAST", 2)

    async def scene():
        hub = await attached()
        hub.publish([price(1, "a"), price(2, "b"), price(3, "a"), price(4, "c")])
        return [hub.last_price(match) for match in "abc"]

    first, second, third = asyncio.run(scene())
    assert (first, second, third) == (price(3).data, None, price(4).data)


def test_one_subscriber_that_leaves_takes_no_other_with_it() -> None:
    async def scene():
        hub = await attached()
        async with aclosing(hub.subscribe(["prediction"], "m", caller="a")) as stays:
            await anext(stays)
            async with aclosing(hub.subscribe(["prediction"], "m", caller="a")) as leaves:
                await anext(leaves)
                assert (hub.count, hub._of_one["a"]) == (2, 2)
            assert (hub.count, hub._of_one["a"]) == (1, 1)
            hub.publish([price(1)])
            return await anext(stays)

    assert asyncio.run(scene()) == [price(1)]


def test_an_update_cannot_be_changed_and_two_subscriptions_are_never_the_same() -> None:
    with pytest.raises(AttributeError):
        price(1).kind = "score"
    assert (price(1).at, price(1)) == (0.0, price(1))
    one, other = (hubs.Subscription("m", None, frozenset({"score"})) for _ in range(2))
    assert one != other and len({one, other}) == 2
    assert (one.cut_off, one.queue.maxsize, one.queue is other.queue) == (False, 256, False)


def test_open_and_cut_off_subscriptions_are_counted_and_nothing_of_them_stays(monkeypatch) -> None:
    def counted():
        return [REGISTRY.get_sample_value(name) for name in ("live_subscribers", "live_subscribers_cut_off_total")]

    monkeypatch.setattr(hubs, "QUEUE", 1)

    async def scene():
        hub = await attached()
        async with (
            aclosing(hub.subscribe(["prediction"], "m")) as slow,
            aclosing(hub.subscribe(["score"], "m")) as other,
        ):
            await anext(slow)
            await anext(other)
            assert counted() == [before[0] + 2, before[1]]
            hub.publish([price(1), price(2), price(3)])
            assert [update.data["n"] for batch in [await anext(slow)] for update in batch] == [1]
            assert counted() == [before[0] + 2, before[1] + 1], "cut off once, and there until it leaves"
            assert {key: len(found) for key, found in hub._by_match.items()} == {"m": 1}
            hub.publish([Update("score", "m", "", {})])
            assert len(await anext(other)) == 1
        assert hub._by_match == {} and counted() == [before[0], before[1] + 1]

    before = counted()
    asyncio.run(scene())


def test_the_event_loop_is_woken_once_for_all_that_waits(monkeypatch) -> None:
    async def scene():
        hub, woken = await attached(), []
        monkeypatch.setattr(hub._loop, "call_soon_threadsafe", woken.append)
        hub.publish([])
        assert woken == []
        for number in range(3):
            hub.publish([price(number)])
        assert len(woken) == 1 and len(hub._pending) == 3
        woken[0]()
        hub.publish([price(4)])
        assert len(woken) == 2

    asyncio.run(scene())
