"""The proxy's own connections to tools: one client for each address, and none left behind."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from connect import upstreams
from connect.upstreams import Upstreams


@pytest.fixture
async def clients() -> AsyncIterator[Upstreams]:
    upstreams = Upstreams()
    yield upstreams
    await upstreams.close()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    await reader.read()
    writer.close()


async def ask(clients: Upstreams, port: int) -> None:
    """Once, so that there is a connection that must be closed."""
    tool = await clients.tool({"host": "127.0.0.1", "port": port})
    async with tool.client.get(f"http://127.0.0.1:{port}/"):
        pass


async def test_many_who_come_at_once_share_a_new_client_while_idle_ones_are_closed(
    clients: Upstreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = [await asyncio.start_server(answer, "127.0.0.1", 0) for _ in range(4)]
    for server in servers:
        await ask(clients, server.sockets[0].getsockname()[1])
    monkeypatch.setattr(upstreams, "IDLE_SECONDS", -1)
    there = await asyncio.gather(*(clients.tool({"host": "127.0.0.1", "port": 9}) for _ in range(5)))
    assert len({id(tool.client) for tool in there}) == 1
    for server in servers:
        server.close()
        await server.wait_closed()
