"""HTTP as it is between a browser and a tool: early responses, dying connections, raw bytes (B50)."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from services.compute.protocol import Upstream
from services.store.db.database import Database
from tests.connect.scripted_tools import OK, facing, saying
from tests.connect.world import ConnectHarness
from tests.connect.world import harness as opened
from tests.waiting import soon


async def raw(harness: ConnectHarness, cookie: str, target: str = "/", *headers: bytes, method: str = "GET", body: bytes = b"") -> bytes:
    """The response, to the end of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", harness.port)
    lines = [f"{method} {target} HTTP/1.1", f"Host: {harness.addresses.tool_host(harness.public_id)}", f"Cookie: {cookie}"]
    writer.write("\r\n".join([*lines, "Connection: close"]).encode() + b"".join(b"\r\n" + line for line in headers) + b"\r\n\r\n" + body)
    try:
        return await soon(reader.read())
    finally:
        writer.close()


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
async def test_an_early_refusal_of_an_upload_reaches_the_client(sqlite_database: Database, tmp_path: Path, is_chunked: bool) -> None:
    """The tool answers 413 and closes while the upload goes on, so that the proxy's writes to it fail."""
    answer = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\nConnection: close\r\n\r\ntoo large"
    piece = b"x" * 65536
    framing = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {200 * len(piece)}"
    async with facing(sqlite_database, tmp_path, saying(answer)) as (harness, cookie, _):
        for _ in range(30):
            reader, writer = await asyncio.open_connection("127.0.0.1", harness.port)
            host = harness.addresses.tool_host(harness.public_id)
            writer.write(f"POST /upload HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n{framing}\r\n\r\n".encode())
            for _ in range(20):
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece)
            head = await soon(reader.readuntil(b"\r\n\r\n"))
            assert head.startswith(b"HTTP/1.1 413 ")
            assert await soon(reader.readexactly(9)) == b"too large"
            writer.close()


class Closing:
    """A tool that keeps each connection for one response and then closes it, as a server does at the end of its keep-alive time."""

    def __init__(self) -> None:
        self.posts = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"POST"):
            self.posts += 1
            await reader.readexactly(4)
        writer.write(OK + b"Content-Length: 2\r\n\r\nok")
        with suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")  # the next request meets a server that closes
        writer.transport.abort()


async def test_what_may_not_be_repeated_is_never_sent_on_a_connection_that_may_be_dying(sqlite_database: Database, tmp_path: Path) -> None:
    tool, path = Closing(), tmp_path / "closing.sock"
    server = await asyncio.start_unix_server(tool.serve, str(path))
    async with opened(sqlite_database, Upstream(unix=str(path))) as harness:
        cookie = await harness.enter()
        for _ in range(20):
            assert (await harness.ask("/", cookie=cookie)).status == 200
            assert (await harness.ask("/", "POST", cookie=cookie, data=b"body")).status == 200
        assert tool.posts == 20
    server.close()


async def test_a_request_that_may_be_repeated_is_sent_again(sqlite_database: Database, tmp_path: Path) -> None:
    tool, path = Closing(), tmp_path / "closing.sock"
    server = await asyncio.start_unix_server(tool.serve, str(path))
    async with opened(sqlite_database, Upstream(unix=str(path))) as harness:
        cookie = await harness.enter()
        for _ in range(20):
            assert (await harness.ask("/", cookie=cookie)).status == 200
    server.close()


async def test_bytes_beyond_ascii_pass_both_ways(sqlite_database: Database, tmp_path: Path) -> None:
    answer = OK + b"X-Name: caf\xe9\r\nContent-Length: 0\r\n\r\n"
    async with facing(sqlite_database, tmp_path, saying(answer)) as (harness, cookie, heads):
        got = await raw(harness, cookie, "/", b"X-Latin: caf\xe9", b"X-Utf8: caf\xc3\xa9", b"X-Bytes: \xff\xfe")
        assert b"x-name: caf\xe9\r\n" in got
        for value in (b": caf\xe9\r\n", b": caf\xc3\xa9\r\n", b": \xff\xfe\r\n"):
            assert value in heads[0]


@pytest.mark.parametrize("target", ["/a?", "/a??", "/a", "/a?b", "/a?b?", "/a%09b?"])
async def test_a_question_mark_arrives_even_without_a_query(sqlite_database: Database, tmp_path: Path, target: str) -> None:
    async with facing(sqlite_database, tmp_path, saying(OK + b"Content-Length: 0\r\n\r\n")) as (harness, cookie, heads):
        assert (await raw(harness, cookie, target)).startswith(b"HTTP/1.1 200 ")
        assert heads[0].startswith(f"GET {target} HTTP/1.1\r\n".encode())


async def test_interim_responses_are_dropped_and_the_final_one_counts(sqlite_database: Database, tmp_path: Path) -> None:
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    async with facing(sqlite_database, tmp_path, saying(hint * 10, OK + b"X-Fine: 1\r\nContent-Length: 2\r\n\r\nok")) as (
        harness,
        cookie,
        _,
    ):
        got = await harness.ask("/", cookie=cookie)
        assert (got.status, got.text, got.headers["X-Fine"]) == (200, "ok", "1")
        assert "Link" not in got.headers


async def test_a_body_without_a_length_ends_with_the_connection(sqlite_database: Database, tmp_path: Path) -> None:
    async with facing(sqlite_database, tmp_path, saying(OK + b"\r\nfirst, ", b"second")) as (harness, cookie, _):
        assert (await harness.ask("/", cookie=cookie)).text == "first, second"
