"""A reader that does not keep up holds up nobody, costs a bounded amount of memory, and is cut off with a code to retry on."""

import asyncio
import json
import tracemalloc
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest

from schema.execution import Executor
from schema.transport.send_queue import ReaderStalled, SendQueue
from schema.transport.stream_slots import SocketLimits, StreamSlots
from schema.transport.websocket import GraphQLWebSocket
from studiograph.logging_setup import DropIncompleteResponses
from tests.contract.conftest import Running, Serve
from tests.contract.posting import send
from tests.contract.watching import COMPLETE, EVENTS, MULTIPART, STREAMING
from tests.contract.world import SCHEMA, TOKEN, World
from tests.contract.ws import PROTOCOL, dial
from tests.waiting import WAIT_LIMIT_S, promised

LIMITS = SocketLimits(send_queue_bytes=64 * 1024, stall_seconds=0.3, close_seconds=0.1)

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
FLOOD = "subscription{endless(size:5000)}"


async def stalled_socket(api: Running) -> asyncio.StreamWriter:
    """By hand: a library would read by itself."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port, limit=1024)
    writer.write("".join(f"{line}\r\n" for line in [*UPGRADE, ""]).encode())
    await reader.readuntil(b"\r\n\r\n")
    writer.write(frame(b'{"type":"connection_init"}'))
    await reader.readuntil(b'"connection_ack"}')
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(frame(b'{"type":"subscribe","id":"1","payload":{"query":"%b"}}' % FLOOD.encode()))
    return writer


def stalled_stream(accept: str) -> Callable[[Running], Awaitable[asyncio.StreamWriter]]:
    async def begin(api: Running) -> asyncio.StreamWriter:
        reader, writer = await send(api.port, {"query": FLOOD}, {"Authorization": f"Bearer {TOKEN}", "Accept": accept})
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        return writer

    return begin


STALLED = {"websocket": stalled_socket, "sse": stalled_stream(EVENTS), "multipart": stalled_stream(MULTIPART)}


@pytest.fixture(params=STALLED)
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


async def stalled(api: Running, transport: str, count: int) -> list[asyncio.StreamWriter]:
    """Clients that subscribe to a flood and never read again."""
    return [await STALLED[transport](api) for _ in range(count)]


def frame(text: bytes) -> bytes:
    """A masked text frame (with a mask of zeros)."""
    return bytes([0x81, 0x80 | len(text)]) + bytes(4) + text


async def until_only(api: Running, count: int) -> None:
    async with asyncio.timeout(WAIT_LIMIT_S):
        while len(api.sockets) + len(api.streams) > count:  # noqa: ASYNC110 - the server announces nothing
            await asyncio.sleep(0.01)


async def test_readers_that_keep_up_get_everything_while_others_stall_and_are_cut_off(serve: Serve, transport: str) -> None:
    api = await serve(socket_limits=LIMITS)
    writers = await stalled(api, transport, 10)
    for _ in range(20):
        async with STREAMING[transport](api.port, TOKEN, {"query": "subscription{count(to:50)}"}) as good:
            assert [seen[1]["data"]["count"] for seen in (await good.rest())[:-1]] == list(range(50))
    await until_only(api, 0)
    for writer in writers:
        writer.transport.abort()


async def test_the_log_does_not_call_it_an_error_of_ours(serve: Serve, transport: str, caplog: pytest.LogCaptureFixture) -> None:
    api = await serve(socket_limits=LIMITS)
    writers = await stalled(api, transport, 1)
    await until_only(api, 0)
    assert not [record.getMessage() for record in caplog.records if DropIncompleteResponses().filter(record)]
    for writer in writers:
        writer.transport.abort()


async def test_a_reader_of_one_transport_that_stalls_holds_up_no_reader_of_another(serve: Serve, transport: str) -> None:
    api = await serve(socket_limits=SocketLimits(stall_seconds=60, close_seconds=0.1))
    writers = await stalled(api, transport, 5)
    for over in STREAMING.values():
        async with over(api.port, TOKEN, {"query": "subscription{items}"}) as good:
            await api.world.streams(1)
            await api.world.emit("at once")
            assert await good.payload() == {"data": {"items": "at once"}}
        await api.world.streams(0)
    for writer in writers:
        writer.transport.abort()
    await until_only(api, 0)


async def test_a_stalled_reader_costs_a_bounded_amount_of_memory(serve: Serve, transport: str) -> None:
    api = await serve(socket_limits=SocketLimits(send_queue_bytes=64 * 1024, stall_seconds=60, close_seconds=0.1))
    tracemalloc.start()
    try:
        writers = await stalled(api, transport, 5)
        async with api.socket() as other:
            for number in range(50):
                await other.operation("{me{name}}", str(number))
        assert tracemalloc.get_traced_memory()[0] < 10_000_000
    finally:
        tracemalloc.stop()
    for writer in writers:
        writer.transport.abort()
    await until_only(api, 0)


async def test_a_stalled_reader_does_not_hold_up_the_end_of_the_server(serve: Serve, transport: str) -> None:
    api = await serve(socket_limits=SocketLimits(send_queue_bytes=64 * 1024, close_seconds=0.1))
    writers = await stalled(api, transport, 3)
    async with asyncio.timeout(promised(5)):
        await asyncio.gather(api.sockets.close(), api.streams.close())
    for writer in writers:
        writer.transport.abort()


async def test_a_burst_larger_than_the_outbox_reaches_a_reader_that_reads(serve: Serve, transport: str) -> None:
    api = await serve(socket_limits=LIMITS)
    async with STREAMING[transport](api.port, TOKEN, {"query": "subscription{count(to:5000)}"}) as watched:
        assert len(await watched.rest()) == 5001


async def test_one_message_larger_than_the_outbox_is_sent(serve: Serve, transport: str) -> None:
    api = await serve(socket_limits=LIMITS)
    async with STREAMING[transport](api.port, TOKEN, {"query": "{people(first:3000){nodes{name age}}}"}) as watched:
        assert len((await watched.payload())["data"]["people"]["nodes"]) == 3000
        assert await watched.receive() == COMPLETE


async def test_an_outbox_that_is_full_says_so_and_goes_on_when_it_is_read() -> None:
    sent: list[bytes] = []
    gate = asyncio.Event()

    async def write(message: bytes) -> None:
        await gate.wait()
        sent.append(message)

    queue = SendQueue(write, limit=10, stall_seconds=0.05)
    writing = asyncio.create_task(queue.write())
    assert queue.push(b"12345")
    assert queue.push(b"12345")
    assert not queue.push(b"1")
    with pytest.raises(ReaderStalled):
        await queue.put(b"1")
    gate.set()
    await queue.put(b"1")
    await queue.drain(5)
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
    sockets = GraphQLWebSocket(Executor(SCHEMA, world.make_context), StreamSlots(world.authenticate, world.token_ended, LIMITS))
    said = [{"type": "connection_init", "payload": {"Authorization": f"Bearer {TOKEN}"}}]
    said += [{"type": "subscribe", "id": "1", "payload": {"query": "subscription{endless}"}}]
    incoming = deque([{"type": "websocket.connect"}, *({"type": "websocket.receive", "text": json.dumps(message)} for message in said)])
    sent: list[MutableMapping[str, Any]] = []
    acknowledged = asyncio.Event()

    async def receive() -> MutableMapping[str, Any]:
        if len(incoming) == 1:
            await acknowledged.wait()
        return incoming.popleft() if incoming else await asyncio.Future()

    async def sending(message: MutableMapping[str, Any]) -> None:
        sent.append(message)
        if "connection_ack" in message.get("text", ""):
            acknowledged.set()
        elif message["type"] == "websocket.send":
            await asyncio.Future()  # the reader has stopped

    await sockets({"type": "websocket", "scheme": "ws", "headers": [], "subprotocols": [PROTOCOL]}, receive, sending)
    assert (sent[-1]["type"], sent[-1]["code"]) == ("websocket.close", 1013)


async def test_flushing_ends_when_all_is_written_or_the_reader_stalls() -> None:
    gate = asyncio.Event()
    queue = SendQueue(lambda _: gate.wait(), limit=10, stall_seconds=0.05)  # type: ignore[arg-type, return-value]
    writing = asyncio.create_task(queue.write())
    await queue.flush()
    queue.push(b"12345")
    with pytest.raises(ReaderStalled):
        await queue.flush()
    gate.set()
    await queue.flush()
    writing.cancel()
