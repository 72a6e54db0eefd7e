"""What serves and reaches a data plane in a test: uvicorn on a socket that listens already, and a client for which every name is here."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import uvicorn
from aiohttp.abc import AbstractResolver, ResolveResult

from connect.port_limits import PortLimits
from connect.requests import Receive, Scope, Send
from connect.server_protocols import options
from tests.waiting import soon


class LoopbackResolver(AbstractResolver):
    """Every name is this machine."""

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        pass


async def nothing_but_api(scope: Scope, receive: Receive, send: Send) -> None:
    """Stands where the API's application stands."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1000})
    elif scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"the API"})


@asynccontextmanager
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(resolver=LoopbackResolver(), limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False) as client:
        yield client


@asynccontextmanager
async def serving(app: Any, listening: socket.socket, ping: float = 10.0, limits: PortLimits | None = None) -> AsyncIterator[None]:
    """Serves an application on the listening socket with the protocols of the data plane."""
    settings = options(None, limits or PortLimits()) | {"ws_ping_interval": ping, "ws_ping_timeout": ping}
    config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=1, **settings)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listening])
    await server.on_tick(0)  # sets the Date header
    try:
        yield
    finally:
        await soon(server.shutdown(sockets=[listening]))
