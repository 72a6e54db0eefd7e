"""What ends an open stream from outside, and what its client is told: one table for WebSocket, SSE and multipart."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress

import pytest
from websockets.exceptions import ConnectionClosed

from schema.transport.stream_slots import SocketLimits
from tests.contract.conftest import Running, Serve
from tests.contract.posting import posted
from tests.contract.stream_end_frames import LAST_FRAMES
from tests.contract.watching import EVENTS, MULTIPART, STREAMING, ResponseWatch, Watch, over_multipart, over_sse
from tests.contract.world import TOKEN
from tests.contract.ws import dial

Watching = Callable[[Running, str], AbstractAsyncContextManager[Watch]]


@pytest.fixture(params=STREAMING)
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def watch(transport: str) -> Watching:
    """`watch(api, token)` watches items."""
    return lambda api, token: STREAMING[transport](api.port, token, {"query": "subscription{items}"})


async def test_a_token_that_ends_ends_its_streams_and_no_others(api: Running, watch: Watching, transport: str) -> None:
    async with watch(api, "one") as one, watch(api, "two") as two:
        await api.world.streams(2)
        api.world.end_token("one")
        assert await one.receive() == LAST_FRAMES["token"][transport]
        await api.world.streams(1)
        await api.world.emit("still here")
        assert await two.payload() == {"data": {"items": "still here"}}


async def test_what_came_before_the_end_is_delivered_first(api: Running, watch: Watching, transport: str) -> None:
    async with watch(api, "one") as one:
        await api.world.streams(1)
        await api.world.emit("last")
        assert await one.payload() == {"data": {"items": "last"}}
        await asyncio.gather(api.sockets.close(), api.streams.close())
        assert await one.receive() == LAST_FRAMES["restart"][transport]


async def test_a_token_that_cannot_be_watched_keeps_no_stream(
    api: Running, watch: Watching, transport: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with watch(api, "unwatchable") as watched:
        assert await watched.receive() == LAST_FRAMES["failure"][transport]
    await api.world.streams(0)
    assert any(record.exc_info for record in caplog.records)


async def test_a_shutdown_ends_streams_so_that_clients_come_back_and_runs_their_clean_up(
    api: Running, watch: Watching, transport: str
) -> None:
    async with watch(api, TOKEN) as watched:
        await api.world.streams(1)
        await asyncio.gather(api.sockets.close(), api.streams.close())
        assert api.world.open_streams == 0
        assert await watched.receive() == LAST_FRAMES["restart"][transport]


@pytest.mark.parametrize("accept", [EVENTS, MULTIPART])
async def test_a_server_that_shuts_down_begins_no_stream(api: Running, accept: str) -> None:
    await api.streams.close()
    response = await api.post({"query": "subscription{items}"}, accept=accept)
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (503, "RESTARTING")
    assert response.headers["retry-after"] == "5"


async def refused_with(api: Running, transport: str, token: str) -> int | None:
    """The status or code of what gets no place."""
    if transport == "websocket":
        async with dial(api.ws_url) as socket:
            with suppress(ConnectionClosed):  # a full server closes at once
                await socket.send(type="connection_init", payload={"Authorization": f"Bearer {token}"})
            return (await socket.closed())[0]
    accept = {"sse": EVENTS, "multipart": MULTIPART}[transport]
    response = await api.post({"query": "{me{name}}"}, accept=accept, headers={"authorization": f"Bearer {token}"})
    assert response.json()["errors"][0]["extensions"]["code"] == "TOO_MANY_OPERATIONS"
    assert response.headers["retry-after"] == "5"
    return response.status_code


async def test_sockets_and_streams_of_one_token_are_counted_together(serve: Serve, watch: Watching, transport: str) -> None:
    api = await serve(socket_limits=SocketLimits(sockets_per_token=3))
    async with watch(api, TOKEN) as first, api.socket(), over_sse(api.port, TOKEN, {"query": "subscription{items}"}):
        await api.world.streams(2)
        assert await refused_with(api, transport, TOKEN) == (1013 if transport == "websocket" else 429)
        async with watch(api, "other"):
            await api.world.streams(3)
        await api.world.streams(2)
        first.vanish()
        await api.world.streams(1)
        async with watch(api, TOKEN):
            await api.world.streams(2)


async def test_all_sockets_and_streams_are_counted_together(serve: Serve, watch: Watching, transport: str) -> None:
    api = await serve(socket_limits=SocketLimits(sockets=2))
    async with watch(api, TOKEN), over_multipart(api.port, "two", {"query": "subscription{items}"}):
        await api.world.streams(2)
        assert await refused_with(api, transport, "three") == (1013 if transport == "websocket" else 503)
        assert await api.ask("{me{name}}") == {"data": {"me": {"name": "Ada"}}}  # plain requests need no place


@pytest.mark.parametrize("over", [over_sse, over_multipart])
async def test_a_quiet_stream_is_kept_alive(serve: Serve, over: Callable[..., AbstractAsyncContextManager[ResponseWatch]]) -> None:
    api = await serve(socket_limits=SocketLimits(heartbeat_seconds=0.02))
    async with over(api.port, TOKEN, {"query": "subscription{items}"}) as watched:
        for _ in range(3):
            await watched.heartbeat()
        await api.world.emit("still here", None)
        assert (await watched.payload(), (await watched.receive())[0]) == ({"data": {"items": "still here"}}, "complete")


async def test_heartbeats_are_every_15_s_and_one_goes_out_at_once(api: Running) -> None:
    assert SocketLimits().heartbeat_seconds == 15
    for accept, first in ((EVENTS, b":\n\n"), (MULTIPART, b"\r\n---\r\nContent-Type: application/json\r\n\r\n{}\r\n---")):
        async with posted(api.port, {"query": "subscription{items}"}, {"Authorization": f"Bearer {TOKEN}", "Accept": accept}) as response:
            assert await response.chunk() == first
            assert response.headers["x-accel-buffering"] == "no"
            assert response.headers["cache-control"] == "no-store"


async def test_the_connection_of_a_stream_that_is_complete_can_be_used_again(api: Running) -> None:
    async with posted(api.port, {"query": "{me{name}}"}, {"Authorization": f"Bearer {TOKEN}", "Accept": EVENTS}) as response:
        while await response.chunk() is not None:
            pass
        response.writer.write(b"OPTIONS /graphql HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await response.reader.readline()) == b"HTTP/1.1 204 No Content\r\n"
