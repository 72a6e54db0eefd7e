"""A session is under its user's control: what a malicious tool sends harms nobody but itself."""

import asyncio
import resource
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from services.store.db.database import Database
from tests.connect.loop_turns import longest_turn
from tests.connect.scripted_tools import OK, facing, facing_frames, saying
from tests.connect.world import handshake_headers
from tests.waiting import soon


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        OK + b"X-Long: " + b"x" * 100_000 + b"\r\n\r\n",
        OK + b"".join(b"X-%d: x\r\n" % n for n in range(1000)) + b"\r\n",
        OK + b"Bad Name: x\r\n\r\n",
        OK + b"X: a\rSet-Cookie: sg_session=1\r\n\r\n",
        OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"",
    ],
    ids=["nonsense", "101", "long header", "many headers", "bad name", "bare CR", "two lengths", "nothing"],
)
async def test_an_answer_that_is_none_is_a_502(sqlite_database: Database, tmp_path: Path, answer: bytes) -> None:
    async with facing(sqlite_database, tmp_path, saying(answer)) as (harness, cookie, _):
        got = await harness.ask("/", cookie=cookie)
        assert (got.status, got.code) == (502, "TOOL_UNREACHABLE")


async def test_headers_without_end_are_not_gathered_for_ever(sqlite_database: Database, tmp_path: Path) -> None:
    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        while True:
            writer.write(b"X-More: " + b"x" * 1000 + b"\r\n")
            await writer.drain()

    async with facing(sqlite_database, tmp_path, endless) as (harness, cookie, _):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert (await soon(harness.ask("/", cookie=cookie))).status == 502
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


async def test_interim_responses_without_end_hold_nobody_up(sqlite_database: Database, tmp_path: Path) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    answer = OK + b"Content-Length: 0\r\n\r\n"
    async with facing(sqlite_database, tmp_path, saying(interim * 300_000, answer)) as (harness, cookie, _):
        with longest_turn() as turn:
            assert (await soon(harness.ask("/", cookie=cookie))).status == 502
        assert turn.seconds < 0.1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000,
        b"HTTP/1.1 101 Switching Protocols\r\n" + b"X-More: x\r\n" * 100_000,
        b"HTTP/1.1 101 Switching Protocols\r\nX-More: " + b"x" * 1_000_000,
        b"nonsense\r\n\r\n",
        b"",
    ],
    ids=["interim", "many headers", "long header", "nonsense", "nothing"],
)
async def test_a_websockets_handshake_that_is_none_is_a_502_with_a_reason(sqlite_database: Database, tmp_path: Path, answer: bytes) -> None:
    async with facing(sqlite_database, tmp_path, saying(answer)) as (harness, cookie, _):
        with pytest.raises(aiohttp.WSServerHandshakeError) as declined:
            async with harness.socket("/ws", cookie):
                pass
        assert declined.value.status == 502
        assert declined.value.headers is not None
        assert declined.value.headers["Studiograph-Code"] == "TOOL_UNREACHABLE"


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 100\r\n\r\nonly this",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello",
    ],
    ids=["short", "bad chunk", "cut chunk"],
)
async def test_a_body_that_is_not_whole_does_not_look_whole(sqlite_database: Database, tmp_path: Path, body: bytes) -> None:
    async with facing(sqlite_database, tmp_path, saying(OK + body)) as (harness, cookie, _):
        with suppress(aiohttp.ClientError):
            assert (await harness.ask("/", cookie=cookie)).status == 502


async def test_headers_that_reach_beyond_the_tool_are_dropped(sqlite_database: Database, tmp_path: Path) -> None:
    answer = OK + (
        b'Service-Worker-Allowed: /\r\nClear-Site-Data: "cookies"\r\nAlt-Svc: h3=":443"\r\nConnection: X-Secret\r\nX-Secret: 1\r\n'
        b"Set-Cookie: a=1; Domain=localhost\r\nSet-Cookie: b=2\r\nKeep-Alive: timeout=5\r\nX-Fine: 1\r\nContent-Length: 2\r\n\r\nok"
    )
    async with facing(sqlite_database, tmp_path, saying(answer)) as (harness, cookie, _):
        got = await harness.ask("/", cookie=cookie)
        names = {name.lower() for name in got.headers}
        assert not names & {"service-worker-allowed", "clear-site-data", "alt-svc", "x-secret", "keep-alive", "connection"}
        assert got.cookies == ["b=2"]
        assert got.headers["X-Fine"] == "1"
        assert len(got.headers.getall("Date")) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/\r\nContent-Length: 0\r\n\r\n", 502),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 502),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n", 502),
    ],
    ids=["redirect", "404", "200", "wrong accept"],
)
async def test_a_websocket_that_the_tool_does_not_open_is_declined(
    sqlite_database: Database, tmp_path: Path, answer: bytes, status: int
) -> None:
    async with facing(sqlite_database, tmp_path, saying(answer)) as (harness, cookie, heads):
        with pytest.raises(aiohttp.WSServerHandshakeError) as declined:
            async with harness.socket("/ws", cookie):
                pass
        assert declined.value.status == status
        assert len(heads) == 1


@pytest.mark.parametrize(
    "frame",
    [
        b"\x82\x7f" + (2**62).to_bytes(8, "big"),
        b"\x83\x00",
        b"\xf2\x00",
        b"\x80\x01x",
        b"\x89\x7e\x00\xff" + b"x" * 255,
        b"\x81\x02\xff\xfe",
    ],
    ids=["claims 4 EiB", "reserved opcode", "reserved bits", "continues nothing", "long ping", "not UTF-8"],
)
async def test_frames_that_are_none_end_the_socket(sqlite_database: Database, tmp_path: Path, frame: bytes) -> None:
    async with facing_frames(sqlite_database, tmp_path, frame) as (harness, cookie), harness.socket("/ws", cookie) as socket:
        assert (await soon(socket.receive())).data == 4502


async def test_a_flood_of_pings_holds_nobody_up(sqlite_database: Database, tmp_path: Path) -> None:
    pings = b"\x89\x04ping" * 20_000
    hello = b"\x81\x05hello"
    async with facing_frames(sqlite_database, tmp_path, pings, hello) as (harness, cookie), harness.socket("/ws", cookie) as socket:
        assert (await soon(socket.receive())).data == "hello"


async def test_cookies_of_a_websockets_opening_are_filtered_too(sqlite_database: Database, tmp_path: Path) -> None:
    async with facing_frames(sqlite_database, tmp_path, b"\x81\x02hi") as (harness, cookie):
        headers = await handshake_headers(harness, "/ws", cookie)
    assert headers.get_all("Set-Cookie") == ["own=1"]
