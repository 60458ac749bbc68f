"""Impatient connections: what they end, and a socket that they must not end."""

import asyncio
from contextlib import contextmanager, suppress

import pytest
import uvicorn
import websockets

from bento.http import connections
from bento.http.connections import LARGEST_HEAD, TOO_LARGE, ImpatientProtocol

KEPT = 3600
"""Seconds after which the connections of most tests here would be closed."""


async def echo(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


def test_a_socket_may_be_silent_for_longer_than_a_connection_is_kept():
    made = []

    class Seen(ImpatientProtocol):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            made.append(self)

    async def talk():
        config = uvicorn.Config(echo, port=0, http=Seen, timeout_keep_alive=1, log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with websockets.connect(f"ws://127.0.0.1:{port}/") as socket:
            await socket.send("one")
            assert await socket.recv() == "one"
            assert [protocol.timeout_keep_alive_task for protocol in made] == [None]  # nothing is about to close it
            await asyncio.sleep(1.5)
            await socket.send("two")
            assert await socket.recv() == "two"
        server.should_exit = True
        await serving

    asyncio.run(talk())


@contextmanager
def connected(answer=b"", kept=KEPT, *, reads=True):
    """Asks a server in this process whose application answers so; hands on a way to run a scene with a connection.

    The application reads a request to its end unless told not to.

    The scene gets reader, writer and the server's protocol; nothing ends by itself within an hour unless told so.
    """
    made = []

    class Seen(ImpatientProtocol):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            self.received = 0
            self.lost = False
            made.append(self)

        def data_received(self, data):
            super().data_received(data)
            self.received += len(data)

        def connection_lost(self, exc):
            super().connection_lost(exc)
            self.lost = True

    async def app(scope, receive, send):
        while reads and (await receive()).get("more_body"):
            pass
        size = b"%d" % len(answer)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", size)]})
        await send({"type": "http.response.body", "body": answer})

    async def run(scene):
        config = uvicorn.Config(
            app, port=0, http=Seen, timeout_keep_alive=kept, log_level="warning", lifespan="off",
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while not made:
            await asyncio.sleep(0.01)
        try:
            await scene(reader, writer, made[0])
        finally:
            writer.transport.abort()
            server.should_exit = True
            await serving

    yield lambda scene: asyncio.run(run(scene))


HEAD = b"GET / HTTP/1.1\r\nhost: x\r\nx: "
END = b"\r\n\r\n"


async def arrived(protocol, count):
    while protocol.received < count:
        assert not protocol.lost
        await asyncio.sleep(0.005)


async def send(writer, protocol, data):
    """Send bytes and wait until the server has taken them in."""
    wanted = protocol.received + len(data)
    writer.write(data)
    await arrived(protocol, wanted)


async def answered(reader):
    head = await reader.readuntil(END)
    if b"content-length: 0" not in head:
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
    return int(head.split()[1])


def test_a_head_may_be_so_large_and_no_byte_larger_in_each_request_of_a_connection():
    async def scene(reader, writer, protocol):
        for _ in range(2):
            await send(writer, protocol, HEAD)
            await send(writer, protocol, b"a" * (LARGEST_HEAD - len(HEAD)))
            await send(writer, protocol, END)
            assert await answered(reader) == 200
        await send(writer, protocol, HEAD)
        await send(writer, protocol, b"a" * (LARGEST_HEAD - len(HEAD)))
        await send(writer, protocol, b"a")
        assert await reader.read() == TOO_LARGE

    with connected() as run:
        run(scene)


def test_a_head_has_64_kib():
    assert LARGEST_HEAD == 65_536


def test_a_body_is_no_head_however_large():
    async def scene(reader, writer, protocol):
        await send(writer, protocol, b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 200000\r\n\r\n")
        for _ in range(4):
            await send(writer, protocol, b"a" * 50_000)
        assert await answered(reader) == 200

    with connected() as run:
        run(scene)


@pytest.mark.parametrize("first", [b"", b"GET", HEAD, HEAD + END])
def test_a_connection_that_asks_nothing_more_is_closed(first):
    async def scene(reader, writer, protocol):
        writer.write(first)
        with suppress(ConnectionError):
            while await reader.read(10_000):
                pass

    with connected(kept=1) as run:
        run(scene)


def test_bytes_of_a_head_buy_no_time():
    async def scene(reader, writer, protocol):
        due = protocol.timeout_keep_alive_task.when()
        assert KEPT - 600 < due - asyncio.get_running_loop().time() <= KEPT
        for part in (b"GET", b" / HTTP/1.1"):
            await send(writer, protocol, part)
            assert protocol.timeout_keep_alive_task.when() == due
        await send(writer, protocol, END + END)
        assert await answered(reader) in (200, 400)

    with connected() as run:
        run(scene)


@pytest.mark.parametrize("reads", [True, False])
def test_who_reads_nothing_of_an_answer_is_cut_off_and_who_reads_some_is_watched_on(reads):
    async def scene(reader, writer, protocol):
        writer.write(HEAD + END)
        while protocol._sending is None:
            await asyncio.sleep(0.01)
        if reads:
            await reader.readexactly(5 * 10**6)
        else:
            protocol._unsent = protocol.transport.get_write_buffer_size()
        protocol._require_progress()  # as the clock would call it in an hour
        assert protocol.transport.is_closing() is not reads
        assert (protocol._sending is not None) is reads

    with connected(b"a" * 2 * 10**7) as run:
        run(scene)


def test_what_is_left_of_a_body_that_was_answered_is_no_head_and_buys_no_time():
    async def scene(reader, writer, protocol):
        await send(writer, protocol, b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 400000\r\n\r\n")
        assert await answered(reader) == 200
        dues = set()
        for _ in range(4):  # also the last part is of the body, and longer than a head may be
            await send(writer, protocol, b"a" * 100_000)
            dues.add(protocol.timeout_keep_alive_task.when())
        assert len(dues) == 1
        await send(writer, protocol, HEAD + END)
        assert await answered(reader) == 200

    with connected(reads=False) as run:
        run(scene)


async def unread(protocol):
    """The clock that watches an answer which nobody reads."""
    while protocol._sending is None:
        assert not protocol.lost
        await asyncio.sleep(0.01)
    return protocol._sending


LONG_ANSWER = b"a" * 2 * 10**7


def test_an_answer_is_watched_by_one_clock_until_it_is_read_or_the_connection_ends():
    async def scene(reader, writer, protocol):
        writer.write(HEAD + END)
        clock = await unread(protocol)
        assert KEPT - 600 < clock.when() - asyncio.get_running_loop().time() <= KEPT
        protocol.pause_writing()
        assert protocol._sending is clock
        writer.transport.abort()
        while not protocol.lost:
            await asyncio.sleep(0.01)
        assert clock.cancelled() and protocol not in protocol.connections

    with connected(LONG_ANSWER) as run:
        run(scene)


def test_an_answer_that_was_read_is_watched_no_more_and_one_that_moves_has_time_again():
    async def scene(reader, writer, protocol):
        writer.write(HEAD + END)
        await unread(protocol)
        protocol.resume_writing()
        protocol._require_progress()
        assert not protocol.transport.is_closing() and protocol._sending is not None, "it had moved"
        assert await answered(reader) == 200
        assert protocol.transport.get_write_buffer_size() == 0
        protocol._require_progress()
        assert not protocol.transport.is_closing() and protocol._sending is None

    with connected(LONG_ANSWER) as run:
        run(scene)


def test_an_idle_connection_closes_and_who_has_not_read_all_is_watched():
    async def scene(reader, writer, protocol):
        protocol.transport.set_write_buffer_limits(high=len(LONG_ANSWER) * 2)  # writing is never paused
        writer.write(HEAD + END)
        while not protocol.transport.get_write_buffer_size():
            await asyncio.sleep(0.01)
        assert protocol._sending is None
        protocol.timeout_keep_alive_handler()
        assert protocol.transport.is_closing() and not protocol.lost
        protocol._require_progress()
        while not protocol.lost:
            await asyncio.sleep(0.01)

    with connected(LONG_ANSWER) as run:
        run(scene)


def test_it_is_the_protocol_of_a_server_that_is_told_nothing(monkeypatch):
    monkeypatch.setitem(uvicorn.config.HTTP_PROTOCOLS, "auto", uvicorn.config.HTTP_PROTOCOLS["auto"])
    connections.install()
    config = uvicorn.Config(echo)
    config.load()
    assert config.http_protocol_class is ImpatientProtocol
