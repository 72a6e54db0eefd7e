"""The port is for people: a connection out of the sessions' own subnets, or to one of our addresses in them, is dropped unread."""

import asyncio
from pathlib import Path

import pytest

from tests.server import Server, seed

SESSIONS = "127.9.0.0/16"
REQUEST = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


async def answer(port: int, *, to: str = "127.0.0.1", by: str = "127.0.0.1") -> bytes:
    """What comes back; nothing where the connection is dropped."""
    reader, writer = await asyncio.open_connection(to, port, local_addr=(by, 0))
    try:
        writer.write(REQUEST)
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
async def test_sessions_are_kept_out(tmp_path: Path, sqlite_url: str, host: str) -> None:
    server = Server(tmp_path, sqlite_url, await seed(sqlite_url), {"docker_subnets": SESSIONS, "host": host})
    try:
        await server.start()
        assert (await answer(server.port)).startswith(b"HTTP/1.1 200")
        assert (await answer(server.port, by="127.8.0.1")).startswith(b"HTTP/1.1 200")
        assert await answer(server.port, by="127.9.3.4") == b""
        assert await answer(server.port, to="127.9.3.1") == b""
    finally:
        await server.stop()
        await server.http.aclose()
