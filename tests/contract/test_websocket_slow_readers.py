"""A reader that does not keep up holds up nobody, costs a bounded amount of memory, and is cut off with a code to retry on."""

import asyncio
import json
import tracemalloc
from collections import deque
from collections.abc import MutableMapping
from typing import Any

import pytest

from schema.execution import Executor
from schema.transport.gate import Gate, SocketLimits
from schema.transport.outbox import Outbox, Stalled
from schema.transport.websocket import GraphQLWebSocket
from tests.contract.conftest import Running, Serve
from tests.contract.world import SCHEMA, TOKEN, World
from tests.contract.ws import PROTOCOL, dial

LIMITS = SocketLimits(outbox_bytes=64 * 1024, stall_seconds=0.3, close_seconds=0.1)

UPGRADE = [
    "GET /graphql HTTP/1.1",
    "Host: x",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol: graphql-transport-ws",
    f"Authorization: Bearer {TOKEN}",
]


async def stalled(api: Running, count: int) -> list[asyncio.StreamWriter]:
    """Clients that subscribe to a flood and never read again, by hand: a library would read by itself."""
    writers = []
    for _ in range(count):
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port, limit=1024)
        head = ["GET /graphql HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
        head += [
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Protocol: graphql-transport-ws",
            f"Authorization: Bearer {TOKEN}",
        ]
        writer.write("".join(f"{line}\r\n" for line in [*head, ""]).encode())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(frame(b'{"type":"connection_init"}'))
        await reader.readuntil(b'"connection_ack"}')
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(frame(b'{"type":"subscribe","id":"1","payload":{"query":"subscription{endless(size:5000)}"}}'))
        writers.append(writer)
    return writers


def frame(text: bytes) -> bytes:
    """A masked text frame (with a mask of zeros)."""
    return bytes([0x81, 0x80 | len(text)]) + bytes(4) + text


async def until_only(api: Running, count: int) -> None:
    async with asyncio.timeout(20):
        while len(api.sockets) > count:  # noqa: ASYNC110 - the server announces nothing
            await asyncio.sleep(0.01)


async def test_readers_that_keep_up_get_everything_while_others_stall_and_are_cut_off(serve: Serve) -> None:
    api = await serve(socket_limits=LIMITS)
    writers = await stalled(api, 10)
    async with api.socket() as good:
        for number in range(20):
            got = await good.operation("subscription{count(to:50)}", str(number))
            assert [message["payload"]["data"]["count"] for message in got[:-1]] == list(range(50))
        await until_only(api, 1)
    for writer in writers:
        writer.transport.abort()


async def test_a_stalled_reader_costs_a_bounded_amount_of_memory(serve: Serve) -> None:
    api = await serve(socket_limits=SocketLimits(outbox_bytes=64 * 1024, stall_seconds=60, close_seconds=0.1))
    tracemalloc.start()
    try:
        writers = await stalled(api, 5)
        async with api.socket() as other:
            for number in range(50):
                await other.operation("{me{name}}", str(number))
        assert tracemalloc.get_traced_memory()[0] < 10_000_000
    finally:
        tracemalloc.stop()
    for writer in writers:
        writer.transport.abort()
    await until_only(api, 0)


async def test_a_burst_larger_than_the_outbox_reaches_a_reader_that_reads(serve: Serve) -> None:
    api = await serve(socket_limits=LIMITS)
    async with api.socket() as socket:
        got = await socket.operation("subscription{count(to:5000)}")
        assert len(got) == 5001


async def test_one_message_larger_than_the_outbox_is_sent(serve: Serve) -> None:
    api = await serve(socket_limits=LIMITS)
    async with api.socket() as socket:
        got = await socket.operation("{people(first:3000){nodes{name age}}}")
        assert len(got[0]["payload"]["data"]["people"]["nodes"]) == 3000


async def test_an_outbox_that_is_full_says_so_and_goes_on_when_it_is_read() -> None:
    sent: list[bytes] = []
    gate = asyncio.Event()

    async def send(message: bytes) -> None:
        await gate.wait()
        sent.append(message)

    outbox = Outbox(send, limit=10, stall_seconds=0.05)
    writing = asyncio.create_task(outbox.write())
    assert outbox.push(b"12345")
    assert outbox.push(b"12345")
    assert not outbox.push(b"1")
    with pytest.raises(Stalled):
        await outbox.put(b"1")
    gate.set()
    await outbox.put(b"1")
    await outbox.drain(5)
    assert sent == [b"12345", b"12345", b"1"]
    writing.cancel()


async def test_a_client_that_pings_without_reading_is_cut_off(serve: Serve) -> None:
    api = await serve(socket_limits=LIMITS)
    async with dial(api.ws_url, max_queue=1) as socket:
        await socket.init(TOKEN)

        async def ping_on() -> None:
            while True:  # the pongs fill the socket, since nobody reads them
                await socket.send(type="ping", payload={"x": "y" * 30_000})

        pinging = asyncio.create_task(ping_on())
        await until_only(api, 0)
        socket.connection.transport.abort()
        await asyncio.gather(pinging, return_exceptions=True)


async def test_the_close_of_a_slow_reader_has_a_code_that_clients_retry() -> None:
    world = World()
    sockets = GraphQLWebSocket(Executor(SCHEMA, world.make_context), Gate(world.authenticate, world.token_ended, LIMITS))
    said = [{"type": "connection_init", "payload": {"Authorization": f"Bearer {TOKEN}"}}]
    said += [{"type": "subscribe", "id": "1", "payload": {"query": "subscription{endless}"}}]
    incoming = deque([{"type": "websocket.connect"}, *({"type": "websocket.receive", "text": json.dumps(message)} for message in said)])
    sent: list[MutableMapping[str, Any]] = []
    acknowledged = asyncio.Event()

    async def receive() -> MutableMapping[str, Any]:
        if len(incoming) == 1:
            await acknowledged.wait()
        return incoming.popleft() if incoming else await asyncio.Future()

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)
        if "connection_ack" in message.get("text", ""):
            acknowledged.set()
        elif message["type"] == "websocket.send":
            await asyncio.Future()  # the reader has stopped

    await sockets({"type": "websocket", "scheme": "ws", "headers": [], "subprotocols": [PROTOCOL]}, receive, send)
    assert (sent[-1]["type"], sent[-1]["code"]) == ("websocket.close", 1013)
