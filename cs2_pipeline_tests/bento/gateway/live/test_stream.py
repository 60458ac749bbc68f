"""The stream of a match as a browser reads it, frame by frame."""

import asyncio
import json

import pytest

from bento.gateway.live import stream
from cs2_pipeline.live import hub as hubs
from cs2_pipeline.live.hub import Hub, Update


def update(kind, number, match="m"):
    return Update(kind, match, "", {"n": number, "trigger_event_type": "kill", "prediction": None})


def frames(scene, price=None, count=3):
    """The frames of a stream of match `m` while something is published; the first `count` come before that."""

    async def read():
        hub = Hub()
        hub.attach(asyncio.get_running_loop())

        async def last():
            return price

        found = []
        async for frame in stream.events(hub, "reader", "m", last):
            found.append(frame)
            if len(found) == count - (price is None):
                scene(hub)
            if frame.startswith(b"event: cut-off") or len(found) == 5:
                break
        return found

    return asyncio.run(read())


def test_a_reader_is_told_when_the_stream_stands_then_the_last_price_then_all_there_is(monkeypatch):
    monkeypatch.setattr(stream, "BEAT", 3600.0)

    def scene(hub):
        if hub.count == 1:
            kinds = ("prediction", "score", "event", "lifecycle", "correction")
            hub.publish([update(kind, number) for number, kind in enumerate(kinds)] + [update("score", 9, "other")])
            hub.publish([update("event", n) for n in range(5, 2 * hubs.QUEUE)])

    retry, stands, price, batch, *_ = frames(scene, {"p": 0.5})
    assert retry == b"retry: 2000\n\n"
    assert stands == b'event: subscribed\ndata: {"match_id":"m"}\n\n'
    assert price == b'event: prediction\ndata: {"p":0.5}\n\n'
    told = [one.split(b"\n") for one in batch.split(b"\n\n")[:-1]]
    assert [kind for kind, _ in told[:5]] == [
        b"event: prediction", b"event: score", b"event: event", b"event: lifecycle", b"event: correction",
    ]  # fmt: skip
    assert [json.loads(data.removeprefix(b"data: "))["n"] for _, data in told[:6]] == [0, 1, 2, 3, 4, 5]


def test_who_is_too_slow_is_told_so_last(monkeypatch):
    monkeypatch.setattr(stream, "BEAT", 3600.0)
    *_, end = frames(lambda hub: hub.publish([update("event", n) for n in range(hubs.QUEUE + 1)]))
    assert end.startswith(b"event: cut-off\ndata: ") and b"connect again" in end


def test_silence_is_filled_with_comments(monkeypatch):
    monkeypatch.setattr(stream, "BEAT", 0.01)
    _, _, *silence = frames(lambda _: None)
    assert silence == [b": still here\n\n"] * 3


@pytest.mark.parametrize(("kind", "data"), [("score", b"{}"), ("cut-off", b'{"a":1}')])
def test_a_frame_is_a_kind_and_its_data(kind, data):
    assert stream.framed(kind, data) == b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"
