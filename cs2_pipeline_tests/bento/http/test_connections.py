"""Impatient connections: what they end, and a socket that they must not end."""

import asyncio

import uvicorn
import websockets

from bento.http.connections import ImpatientProtocol


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
