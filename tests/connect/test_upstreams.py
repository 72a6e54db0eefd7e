"""The proxy's own connections to tools: kept for a while, and none left behind."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvloop

from connect import upstreams
from connect.tool_connection import ToolConnectionLost, ToolNotListening, dial
from connect.upstreams import Upstreams
from services.compute.protocol import Upstream
from tests.waiting import eventually, soon


@pytest.fixture
async def clients() -> AsyncIterator[Upstreams]:
    opened = Upstreams()
    yield opened
    opened.close()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def test_tools_that_nobody_uses_are_forgotten_with_their_connections(clients: Upstreams, monkeypatch: pytest.MonkeyPatch) -> None:
    left = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer(reader, writer)
        left.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    tool = clients.tool({"host": "localhost", "port": port})
    tool.keep(await tool.connect())
    assert clients.tool({"host": "localhost", "port": port}) is tool
    monkeypatch.setattr(upstreams, "IDLE_SECONDS", -1)
    clients.tool({"host": "127.0.0.1", "port": 9})
    await soon(left.wait())
    assert clients.tool({"host": "localhost", "port": port}) is not tool
    server.close()


async def test_a_kept_connection_that_the_tool_closed_or_that_is_old_is_not_used(
    clients: Upstreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def leave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    closing, staying = await asyncio.start_server(leave, "127.0.0.1", 0), await asyncio.start_server(answer, "127.0.0.1", 0)
    closed = clients.tool({"host": "127.0.0.1", "port": closing.sockets[0].getsockname()[1]})
    closed.keep(await closed.connect())

    async def is_gone() -> bool:
        return closed.take_idle() is None

    await eventually(is_gone)
    kept = clients.tool({"host": "127.0.0.1", "port": staying.sockets[0].getsockname()[1]})
    connection = await kept.connect()
    kept.keep(connection)
    assert kept.take_idle() is connection
    kept.keep(connection)
    monkeypatch.setattr(upstreams, "KEEPALIVE_SECONDS", -1)
    assert kept.take_idle() is None
    closing.close()
    staying.close()


async def test_an_address_where_nobody_listens_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for address in (Upstream(host="127.0.0.1", port=port), Upstream(unix=str(tmp_path / "none.sock"))):
        with pytest.raises(ToolNotListening):
            await dial(address)


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_what_was_received_before_a_write_failed_is_read(new_loop: object, kind: str, tmp_path: Path) -> None:
    """The tool answers and closes while most of the request is unread: the kernel has the answer, and the write fails."""
    path = str(tmp_path / "tool.sock")

    async def scenario() -> bytes:
        with socket.create_server(("127.0.0.1", 0)) if kind == "tcp" else socket.socket(socket.AF_UNIX) as listener:
            if kind == "unix":
                listener.bind(path)
                listener.listen()
            address = Upstream(unix=path) if kind == "unix" else Upstream(host="127.0.0.1", port=listener.getsockname()[1])
            connection = await dial(address)
            tool, _ = listener.accept()
            await connection.write(b"x" * 1000)
            tool.sendall(b"too large")
            tool.close()
            received = b""
            try:
                for _ in range(100):  # the event loop has not read yet, and learns of the end by writing
                    await connection.write(b"x" * 100_000)
            except ToolConnectionLost:
                pass
            while len(received) < len(b"too large") and (data := await soon(connection.read())):
                received += data
            connection.close()
            return received

    with asyncio.Runner(loop_factory=new_loop) as runner:  # type: ignore[arg-type]
        assert runner.run(scenario()) == b"too large"
