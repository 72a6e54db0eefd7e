"""Somebody who opens a running Studio through the proxy, as a program does: the one-time code, then the tool's own paths."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from studiograph.walkthrough.notebook import Notebook, exchange_code
from studiograph.walkthrough.server import client
from tests.docker.server import Job

CONNECT = """mutation($id: ID!) {
  connectStudio(input: { studioId: $id }) { ... on ConnectStudioPayload { url } ... on Error { message } } }"""


@dataclass(frozen=True, slots=True)
class Visitor:
    """`dial` is `host:port`; `headers` name the tool's origin and hold its cookie."""

    http: aiohttp.ClientSession
    dial: str
    headers: dict[str, str]

    async def get(self, path: str) -> tuple[int, str]:
        async with self.http.get(f"http://{self.dial}{path}", headers=self.headers) as response:
            return response.status, await response.text(errors="replace")

    @asynccontextmanager
    async def socket(self, path: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        async with self.http.ws_connect(f"ws://{self.dial}{path}", headers=self.headers, max_msg_size=0) as socket:
            yield socket


async def address(job: Job) -> str:
    """Works once."""
    return str((await job.server.graphql(CONNECT, {"id": job.studio}))["connectStudio"]["url"])


@asynccontextmanager
async def visiting(url: str, dial: str) -> AsyncIterator[Visitor]:
    """With the cookie that the address gives."""
    async with client() as http:
        yield Visitor(http, dial, await exchange_code(http, dial, url))


@asynccontextmanager
async def notebook(job: Job) -> AsyncIterator[Notebook]:
    """A kernel of the running JupyterLab."""
    async with client() as http:
        opened = await Notebook.open(http, f"127.0.0.1:{job.server.port}", await address(job))
        await opened.start_kernel()
        try:
            yield opened
        finally:
            await opened.close()


def dial(job: Job) -> str:
    return f"127.0.0.1:{job.server.port}"


def message(data: Any) -> str:
    """The text of a WebSocket message."""
    assert isinstance(data, str), data
    return data
