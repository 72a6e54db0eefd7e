"""HTTP clients for the tools of sessions: one client for each address, closed when it was idle for some minutes."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from yarl import URL

from connect.access_errors import TOO_MANY, AccessDenied, AccessError
from connect.requests import Request
from services.compute.protocol import Upstream

CONNECT_SECONDS = 5.0
KEEPALIVE_SECONDS = 4.0
IDLE_SECONDS = 300.0
MAX_EXCHANGES = 1000
MAX_LINE = 16384
MAX_FIELD = 65536


@dataclass(slots=True)
class Tool:
    """A tool's address with its open connections. `headers` are what only the proxy knows to add."""

    address: Upstream
    client: aiohttp.ClientSession
    used_at: float = 0
    users: int = 0

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Count one exchange with it. Raises AccessDenied when there are too many at once."""
        if self.users >= MAX_EXCHANGES:
            raise AccessDenied(AccessError(TOO_MANY, f"There are {MAX_EXCHANGES} already."))
        self.users += 1
        try:
            yield
        finally:
            self.users -= 1
            self.used_at = asyncio.get_running_loop().time()

    def url(self, request: Request) -> URL:
        """Where to ask: the path and query exactly as they came."""
        host, port = self.address.host or "localhost", self.address.port
        path, query = request.raw_path.decode("ascii"), request.query.decode("ascii")
        return URL.build(scheme="http", host=host, port=port, path=path, query_string=query, encoded=True)


class Upstreams:
    """Clients by address. They follow no redirect, keep no cookie, decode nothing, and read no faster than they are read."""

    def __init__(self) -> None:
        self._tools: dict[str, Tool] = {}

    async def tool(self, record: Mapping[str, Any]) -> Tool:
        """The tool at an address as it stands in the session's row: the only place it is ever taken from."""
        address = Upstream.from_json(record)
        key = f"{address.unix}|{address.host}|{address.port}"
        tool = self._tools.get(key)
        if tool is None:
            idle = self._forget_idle()
            tool = self._tools[key] = Tool(address, _client(address), asyncio.get_running_loop().time())
            for gone in idle:  # only now: whoever asks meanwhile finds the new one
                await gone.client.close()
        tool.address = address
        return tool

    async def close(self) -> None:
        for tool in self._tools.values():
            await tool.client.close()
        self._tools.clear()

    def _forget_idle(self) -> list[Tool]:
        """Those that nobody used for long, to be closed."""
        now = asyncio.get_running_loop().time()
        idle = [key for key, tool in self._tools.items() if not tool.users and now - tool.used_at > IDLE_SECONDS]
        return [self._tools.pop(key) for key in idle]


async def _no_redirects(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """A tool must not send our own client elsewhere: aiohttp follows redirects of WebSocket openings unless it never sees them."""
    response = await handler(request)
    if response.status != 101 and request.headers.get("Upgrade"):
        response.close()
        raise aiohttp.WSServerHandshakeError(
            response.request_info, (), status=response.status, message="not a WebSocket", headers=response.headers
        )
    return response


def _client(address: Upstream) -> aiohttp.ClientSession:
    connector: aiohttp.BaseConnector
    if address.unix:
        connector = aiohttp.UnixConnector(address.unix, limit=0, keepalive_timeout=KEEPALIVE_SECONDS)
    else:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_SECONDS, use_dns_cache=False)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        max_line_size=MAX_LINE,
        max_field_size=MAX_FIELD,
        middlewares=(_no_redirects,),
        requote_redirect_url=False,
    )
