"""What passes between a browser and a tool over a WebSocket (B50, B58)."""

import asyncio
import json
from contextlib import AsyncExitStack

import aiohttp
import pytest
from aiohttp import WSMsgType

from tests.connect.world import ConnectHarness, exchanges, handshake_headers
from tests.waiting import eventually, soon


@pytest.fixture
async def cookie(harness: ConnectHarness) -> str:
    return await harness.enter()


@pytest.mark.behaviour("B50")
async def test_text_and_binary_messages_pass_both_ways(harness: ConnectHarness, cookie: str) -> None:
    async with harness.socket("/ws", cookie) as socket:
        await socket.send_str("grüße")
        assert (await soon(socket.receive())).data == "grüße"
        await socket.send_bytes(bytes(range(256)))
        assert (await soon(socket.receive())).data == bytes(range(256))
        await socket.send_str("")
        assert (await soon(socket.receive())).data == ""


async def test_the_first_subprotocol_the_tool_takes_is_the_browsers(harness: ConnectHarness, cookie: str) -> None:
    async with harness.socket("/ws", cookie, protocols=("v1.kernel.websocket.jupyter.org", "v0")) as socket:
        assert socket.protocol == "v1.kernel.websocket.jupyter.org"


async def test_path_query_and_headers_arrive_and_our_secrets_do_not(harness: ConnectHarness, cookie: str) -> None:
    async with harness.socket("/api/kernels/a%2Fb/channels?session_id=%20x", f"{cookie}; tool=1") as socket:
        await socket.send_str("tiny:headers")
        got = json.loads((await soon(socket.receive())).data)
    named = {name.lower(): value for name, value in got["headers"]}
    assert got["target"] == "/api/kernels/a%2Fb/channels?session_id=%20x"
    assert named["cookie"] == "tool=1"
    assert named["origin"] == harness.origin
    assert named["host"] == harness.addresses.tool_host(harness.public_id)
    assert named["x-forwarded-proto"] == "http"


@pytest.mark.parametrize("origin", [None, "null", "", "http://evil.example", "suffix", "prefix", "https", "api"])
async def test_only_a_page_of_this_very_origin_opens_one(harness: ConnectHarness, cookie: str, origin: str | None) -> None:
    own = harness.origin
    tricks = {"suffix": f"{own}.evil.example", "prefix": f"http://x{own[7:]}", "https": own.replace("http", "https"), "api": harness.api}
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with harness.socket("/ws", cookie, origin=tricks.get(origin or "", origin)):
            pass
    assert refused.value.status == 403
    assert refused.value.headers is not None
    assert refused.value.headers["Studiograph-Code"] == "CROSS_ORIGIN"


async def test_a_program_finds_the_code_in_the_header_too(harness: ConnectHarness) -> None:
    assert (await handshake_headers(harness, "/ws"))["Studiograph-Code"] == "UNAUTHENTICATED"
    async with harness.socket("/ws") as socket:
        assert (await soon(socket.receive())).data == 4401


async def test_a_refused_browser_that_offers_subprotocols_still_sees_the_code(harness: ConnectHarness) -> None:
    async with harness.socket("/ws", protocols=("v1",)) as socket:
        assert socket.protocol == "v1"
        assert (await soon(socket.receive())).data == 4401


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 3000, 4999])
async def test_the_tools_close_code_is_passed_on(harness: ConnectHarness, cookie: str, code: int) -> None:
    async with harness.socket("/ws", cookie) as socket:
        await socket.send_str(f"tiny:close:{code}:because")
        message = await soon(socket.receive())
        assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, code, "because")


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015])
async def test_a_close_code_that_no_frame_may_carry_is_the_tools_fault(harness: ConnectHarness, cookie: str, code: int) -> None:
    async with harness.socket("/ws", cookie) as socket:
        await socket.send_str(f"tiny:close:{code}:because")
        assert (await soon(socket.receive())).data == 4502


@pytest.mark.behaviour("B58")
async def test_a_tool_that_drops_the_connection_is_told_by_code(harness: ConnectHarness, cookie: str) -> None:
    async with harness.socket("/ws", cookie) as socket:
        await socket.send_str("tiny:drop")
        message = await soon(socket.receive())
        assert message.data == 4502
        assert message.extra.startswith("TOOL_UNREACHABLE")


async def test_when_the_client_closes_the_tool_is_closed(harness: ConnectHarness, cookie: str) -> None:
    async with harness.socket("/ws", cookie) as socket:
        await socket.close(code=4321, message=b"bye")
    await eventually(lambda: exchanges(harness, 0))


async def test_a_message_of_many_megabytes_passes(harness: ConnectHarness, cookie: str) -> None:
    size = 30 * 1024 * 1024
    async with harness.socket("/ws", cookie) as socket:
        await socket.send_str(f"tiny:send:{size}")
        assert len((await soon(socket.receive())).data) == size
        await socket.send_bytes(b"y" * 2_000_000)
        assert len((await soon(socket.receive())).data) == 2_000_000


async def test_a_message_beyond_the_limit_ends_the_socket_not_the_proxy(harness: ConnectHarness, cookie: str) -> None:
    async with harness.socket("/ws", cookie) as socket:
        await socket.send_str(f"tiny:send:{65 * 1024 * 1024}")
        message = await soon(socket.receive())
        assert message.type is WSMsgType.CLOSE
        assert message.data == 4502
    assert (await harness.ask("/", cookie=cookie)).status == 200


async def test_two_hundred_sockets_at_once(harness: ConnectHarness, cookie: str) -> None:
    async with AsyncExitStack() as stack:
        sockets = await asyncio.gather(*(stack.enter_async_context(harness.socket(f"/ws?{n}", cookie)) for n in range(200)))
        await asyncio.gather(*(socket.send_str(f"hello {n}") for n, socket in enumerate(sockets)))
        answers = await asyncio.gather(*(soon(socket.receive()) for socket in sockets))
        assert [answer.data for answer in answers] == [f"hello {n}" for n in range(200)]


async def test_messages_keep_their_order(harness: ConnectHarness, cookie: str) -> None:
    async with harness.socket("/ws", cookie) as socket:
        for number in range(1000):
            await socket.send_str(str(number))
        assert [(await soon(socket.receive())).data for _ in range(1000)] == [str(number) for number in range(1000)]
