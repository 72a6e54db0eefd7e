"""A real server for the small schema: uvicorn in this process, on a loopback port of the system's choice."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn

from connect.port_limits import PortLimits
from connect.server_protocols import options as port_options
from schema.execution import Executor
from schema.limits import Limits
from schema.transport.http import GraphQLHTTP
from schema.transport.stream_slots import SocketLimits, StreamSlots
from schema.transport.streams import Streams
from schema.transport.websocket import GraphQLWebSocket
from tests.contract.world import SCHEMA, TOKEN, World
from tests.contract.ws import Socket, dial

LISTED = "https://app.example.org"


@dataclass
class Running:
    """A server and the ways to it."""

    world: World
    executor: Executor
    sockets: GraphQLWebSocket
    streams: Streams
    port: int
    server: uvicorn.Server
    port_limits: PortLimits

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/graphql"

    async def post(
        self, body: object = None, *, accept: str | None = "application/graphql-response+json", **options: Any
    ) -> httpx.Response:
        """Post JSON, or `content`, with a good token unless `headers` say otherwise."""
        headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"} | options.pop("headers", {})
        headers |= {"accept": accept} if accept is not None else {}
        async with httpx.AsyncClient(verify=False) as client:  # no certificates to load: there is no TLS here
            if accept is None:
                del client.headers["accept"]
            kept = {name: value for name, value in headers.items() if value is not None}
            if "content" in options:
                return await client.post(self.url, headers=kept, **options)
            return await client.post(self.url, headers=kept, json=body, **options)

    async def ask(self, query: str, **request: Any) -> dict[str, Any]:
        response = await self.post({"query": query} | request)
        answer: dict[str, Any] = response.json()
        return answer

    @asynccontextmanager
    async def socket(self, *, token: str | None = TOKEN, **options: Any) -> AsyncIterator[Socket]:
        """A socket that is acknowledged, unless `token` is None."""
        async with dial(self.ws_url, **options) as socket_:
            if token is not None:
                await socket_.init(token)
            yield socket_


Serve = Callable[..., Awaitable[Running]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start servers with other limits than the usual; they stop with the test."""
    stops: list[Callable[[], Awaitable[None]]] = []

    async def start(limits: Limits | None = None, socket_limits: SocketLimits | None = None, **options: Any) -> Running:
        world = World()
        executor = Executor(SCHEMA, world.make_context, limits)
        slots = StreamSlots(world.authenticate, world.token_ended, socket_limits)
        streams = Streams(executor, slots)
        http = GraphQLHTTP(executor, world.authenticate, streams, origins=[LISTED], **options)
        sockets = GraphQLWebSocket(executor, slots, origins=[LISTED])

        async def app(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
            await (sockets if scope["type"] == "websocket" else http)(scope, receive, send)

        port_limits = PortLimits()
        config = uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=5, **port_options(None, port_limits))
        server = uvicorn.Server(config)
        listener = socket.create_server(("127.0.0.1", 0))
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup([listener])

        async def stop() -> None:
            """What uvicorn's own shutdown does, without its fixed pauses."""
            for listening in server.servers:
                listening.close()
            for connection in list(server.server_state.connections):
                connection.shutdown()
            if server.server_state.tasks:
                await asyncio.wait(server.server_state.tasks, timeout=10)
            await executor.close()
            listener.close()

        stops.append(stop)
        return Running(world, executor, sockets, streams, listener.getsockname()[1], server, port_limits)

    yield start
    for stop in stops:
        await stop()


@pytest.fixture
async def api(serve: Serve) -> Running:
    """A server with the usual limits."""
    return await serve()
