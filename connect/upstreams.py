"""HTTP clients for the tools of sessions: one for each address, closed after five idle minutes."""

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
"""The number of exchanges with one tool at the same time; each holds a file descriptor."""
MAX_LINE_BYTES = 16384
MAX_FIELD_BYTES = 65536


@dataclass(slots=True)
class Tool:
    """The address of a tool, and the HTTP client for it. `used_at` is in seconds of the event loop's clock."""

    address: Upstream
    client: aiohttp.ClientSession
    used_at: float = 0
    exchanges: int = 0

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Counts one exchange for as long as the context lasts. Raises AccessDenied if there are MAX_EXCHANGES already."""
        if self.exchanges >= MAX_EXCHANGES:
            raise AccessDenied(AccessError(TOO_MANY, f"There are {MAX_EXCHANGES} already."))
        self.exchanges += 1
        try:
            yield
        finally:
            self.exchanges -= 1
            self.used_at = asyncio.get_running_loop().time()

    def url(self, request: Request) -> URL:
        """Returns the URL at the tool, with the path and query exactly as they came."""
        host, port = self.address.host or "localhost", self.address.port
        path, query = request.raw_path.decode("ascii"), request.query.decode("ascii")
        return URL.build(scheme="http", host=host, port=port, path=path, query_string=query, encoded=True)


class Upstreams:
    """Creates and keeps the clients. They follow no redirects, store no cookies and decode nothing."""

    def __init__(self) -> None:
        self._tools: dict[str, Tool] = {}

    @property
    def exchanges(self) -> int:
        """The number of exchanges with tools that are under way."""
        return sum(tool.exchanges for tool in self._tools.values())

    async def tool(self, record: Mapping[str, Any]) -> Tool:
        """Returns the tool at the address in `record`, the column `upstream` of the session: no other source names addresses."""
        address = Upstream.from_json(record)
        key = f"{address.unix}|{address.host}|{address.port}"
        tool = self._tools.get(key)
        if tool is None:
            idle = self._remove_idle()
            tool = self._tools[key] = Tool(address, _client(address), asyncio.get_running_loop().time())
            for closing in idle:  # after the new one is stored, so that calls during the close find it
                await closing.client.close()
        tool.address = address
        return tool

    async def close(self) -> None:
        for tool in self._tools.values():
            await tool.client.close()
        self._tools.clear()

    def _remove_idle(self) -> list[Tool]:
        """Removes the tools that were idle for IDLE_SECONDS, and returns them to be closed."""
        now = asyncio.get_running_loop().time()
        idle = [key for key, tool in self._tools.items() if not tool.exchanges and now - tool.used_at > IDLE_SECONDS]
        return [self._tools.pop(key) for key in idle]


async def _no_redirects(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Raises the error of a failed WebSocket handshake before aiohttp would follow a redirect: a tool must not redirect this client."""
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
        max_line_size=MAX_LINE_BYTES,
        max_field_size=MAX_FIELD_BYTES,
        middlewares=(_no_redirects,),
        requote_redirect_url=False,
    )
