"""What passes between a browser and a tool over HTTP, and what does not (B50)."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from services.compute.protocol import Upstream
from services.domain.events import Kind
from tests.connect.world import ConnectHarness, end_tool, exchanges, location
from tests.waiting import eventually, soon


@pytest.fixture
async def cookie(harness: ConnectHarness) -> str:
    return await harness.enter()


async def echoed(harness: ConnectHarness, path: str, cookie: str, method: str = "GET", **headers: str) -> dict[str, Any]:
    """The request as the tool got it."""
    answer = await harness.ask(path, method, cookie=cookie, **headers)
    assert answer.status == 200, answer.text
    got: dict[str, Any] = json.loads(answer.body)
    got["named"] = {name.lower(): value for name, value in got["headers"]}
    return got


@pytest.mark.parametrize(
    "target",
    [
        "/headers",
        "/headers?",
        "/headers?a=b&a=c%20d+e&%2F=%26",
        "/headers?q=%E4%F6&path=/a//b/../c",
        "/headers?a[]=1;b={}|^`",
        "/%68eaders?x=%7e",
        "/headers?" + "x" * 8000,
    ],
)
async def test_path_and_query_arrive_byte_for_byte(harness: ConnectHarness, cookie: str, target: str) -> None:
    assert (await echoed(harness, target, cookie))["target"].rstrip("?") == target.rstrip("?")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT"])
async def test_every_method_arrives(harness: ConnectHarness, cookie: str, method: str) -> None:
    assert (await echoed(harness, "/headers", cookie, method))["method"] == method


async def test_head_has_the_length_and_no_body(harness: ConnectHarness, cookie: str) -> None:
    answer = await harness.ask("/bytes?n=1234", "HEAD", cookie=cookie)
    assert (answer.status, answer.headers["Content-Length"], answer.body) == (200, "1234", b"")


@pytest.mark.parametrize("status", [200, 201, 204, 206, 304, 400, 401, 404, 418, 500, 503, 600, 799, 999])
async def test_every_status_comes_back(harness: ConnectHarness, cookie: str, status: int) -> None:
    answer = await harness.ask(f"/status?code={status}", cookie=cookie)
    assert answer.status == status
    assert answer.code is None


async def test_a_tools_redirect_is_the_browsers_to_follow(harness: ConnectHarness, cookie: str) -> None:
    assert location(await harness.ask("/redirect?to=http://elsewhere.example/", cookie=cookie)) == "http://elsewhere.example/"


@pytest.mark.parametrize("path", ["//x", "/a/../b", "/a/%2e%2e/b", "/a/./b", "/%00", "/a%0d%0ab", "/a\\b", "/a%7f"])
async def test_paths_that_play_games_are_refused(harness: ConnectHarness, cookie: str, path: str) -> None:
    assert (await harness.ask(path, cookie=cookie)).code == "BAD_REQUEST"


async def test_a_name_with_a_tabulator_is_the_tools_to_judge(harness: ConnectHarness, cookie: str) -> None:
    answer = await harness.ask("/files/a%09b", cookie=cookie)
    assert (answer.status, answer.text, answer.code) == (404, "no such file", None)


@pytest.mark.parametrize("path", ["/_sg/nothing", "/%5fsg/enter", "/_s%67/", "/%5Fsg"])
async def test_our_prefix_never_reaches_the_tool_in_any_spelling(harness: ConnectHarness, cookie: str, path: str) -> None:
    assert (await harness.ask(path, cookie=cookie)).code == "NOT_FOUND"


async def test_our_cookies_never_reach_the_tool(harness: ConnectHarness, cookie: str) -> None:
    planted = f"a=1; {cookie}; sg_login_x=sgl_y; __Host-sg_session=z; __Host-sg_other=w; b=2;; c"
    got = await echoed(harness, "/headers", planted)
    assert got["named"]["cookie"] == "a=1; b=2; c"
    alone = await echoed(harness, "/headers", cookie)
    assert "cookie" not in alone["named"]


@pytest.mark.parametrize(
    "value", ["Bearer sgt_abc", "sgt_abc", "token sgt_abc", "Basic c2d0X2FiYzp4", "Basic dTpzZ3RfYWJj", "bAsIc dTpzZ3RfYWJj"]
)
async def test_a_token_of_ours_never_reaches_the_tool(harness: ConnectHarness, cookie: str, value: str) -> None:
    assert "authorization" not in (await echoed(harness, "/headers", cookie, Authorization=value))["named"]


@pytest.mark.parametrize("value", ["Bearer abc", "token abc", "Basic dTpw", "Basic !"])
async def test_a_tools_own_authorization_arrives(harness: ConnectHarness, cookie: str, value: str) -> None:
    assert (await echoed(harness, "/headers", cookie, Authorization=value))["named"]["authorization"] == value


async def test_hop_by_hop_headers_stay_on_their_hop(harness: ConnectHarness, cookie: str) -> None:
    got = await echoed(
        harness,
        "/headers",
        cookie,
        Connection="keep-alive, X-Mine",
        X_Mine="1",
        TE="trailers",
        Proxy_Authorization="x",
        Keep_Alive="1",
        X_Other="2",
    )
    assert not {"connection", "x-mine", "te", "proxy-authorization", "keep-alive"} & set(got["named"]) - {"connection"}
    assert got["named"]["x-other"] == "2"


async def test_a_connection_header_cannot_take_away_what_guards(harness: ConnectHarness, cookie: str) -> None:
    got = await echoed(harness, "/headers", cookie, Connection="Host, Cookie, X-Forwarded-For")
    assert got["named"]["host"] == harness.addresses.tool_host(harness.public_id)
    assert got["named"]["x-forwarded-for"] == "127.0.0.1"


async def test_what_is_forwarded_for_is_ours_to_say(harness: ConnectHarness, cookie: str) -> None:
    got = await echoed(
        harness, "/headers", cookie, X_Forwarded_For="6.6.6.6", X_Forwarded_Proto="gopher", Forwarded="for=6.6.6.6", X_Real_IP="6"
    )
    named = got["named"]
    assert named["x-forwarded-for"] == "127.0.0.1"
    assert named["x-forwarded-proto"] == "http"
    assert named["x-forwarded-host"] == harness.addresses.tool_host(harness.public_id)
    assert not {"forwarded", "x-real-ip"} & set(named)


async def test_an_underscore_does_not_make_a_header_of_ours_the_clients(harness: ConnectHarness, tool: Upstream) -> None:
    await harness.stop()
    await harness.run_session(Upstream(unix=tool.unix, headers={"X-Tool-Token": "secret"}))
    host = harness.addresses.tool_host(harness.public_id)
    lines = [f"GET /headers HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nCookie: {await harness.enter()}"]
    lines += [f"{name}: forged" for name in ("X_Forwarded_For", "X-Forwarded_Proto", "X_Real_IP", "X_Tool_Token", "X_Fine")]
    reader, writer = await asyncio.open_connection("127.0.0.1", harness.port)
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
    got = json.loads((await soon(reader.read())).partition(b"\r\n\r\n")[2])
    writer.close()
    assert [name for name, value in got["headers"] if value == "forged"] == ["x_fine"]


async def test_nothing_is_added_that_the_client_did_not_send(harness: ConnectHarness, cookie: str) -> None:
    named = (await echoed(harness, "/headers", cookie, Accept_Encoding="br"))["named"]
    assert named["accept-encoding"] == "br"
    assert not {"content-type", "transfer-encoding"} & set(named)


async def test_the_sessions_own_headers_win_over_the_clients(harness: ConnectHarness, tool: Upstream) -> None:
    await harness.stop()
    await harness.run_session(Upstream(unix=tool.unix, headers={"X-Tool-Token": "secret"}))
    cookie = await harness.enter()
    got = await echoed(harness, "/headers", cookie, X_Tool_Token="guess")
    assert [value for name, value in got["headers"] if name.lower() == "x-tool-token"] == ["secret"]


@pytest.mark.parametrize(
    ("header", "passes"),
    [
        ("tool=1", True),
        ("tool=1; Path=/; HttpOnly", True),
        ("tool=1; Domain=localhost", False),
        ("tool=1; DOMAIN =.localhost", False),
        ("sg_session_x=1", False),
        ("sg_login_x=1", False),
        (" __Host-sg_session=1", False),
        ("=sg_session_x", False),
        ("sg_session_x", False),
    ],
)
async def test_a_tool_sets_its_own_cookies_and_no_others(harness: ConnectHarness, cookie: str, header: str, passes: bool) -> None:
    from urllib.parse import quote

    answer = await harness.ask(f"/cookie?set={quote(header, safe='')}", cookie=cookie)
    assert bool(answer.cookies) is passes


async def test_an_upload_arrives_whole_and_streamed(harness: ConnectHarness, cookie: str) -> None:
    digest = hashlib.sha256()

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(64):
            piece = bytes([number]) * 65536
            digest.update(piece)
            yield piece

    answer = await harness.ask("/upload", "POST", cookie=cookie, data=pieces())
    assert json.loads(answer.body) == {"bytes": 64 * 65536, "sha256": digest.hexdigest()}


async def test_an_upload_of_stated_length_keeps_it(harness: ConnectHarness, cookie: str) -> None:
    got = json.loads((await harness.ask("/headers", "POST", cookie=cookie, data=b"x" * 1000)).body)
    named = {name.lower(): value for name, value in got["headers"]}
    assert named["content-length"] == "1000"
    assert "transfer-encoding" not in named


async def test_a_small_post_and_an_empty_post_arrive(harness: ConnectHarness, cookie: str) -> None:
    for body in (b"", b"x"):
        answer = await harness.ask("/upload", "POST", cookie=cookie, data=body)
        assert json.loads(answer.body)["bytes"] == len(body)


async def test_who_asks_first_may_send_is_told_to_go_on(harness: ConnectHarness, cookie: str) -> None:
    headers = {"Cookie": cookie}
    async with harness.http.post(f"{harness.origin}/upload", data=b"x" * 100_000, headers=headers, expect100=True) as answer:
        assert (await answer.json(content_type=None))["bytes"] == 100_000


async def test_an_upload_whose_client_leaves_is_given_up(harness: ConnectHarness, cookie: str) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", harness.port)
    host = harness.addresses.tool_host(harness.public_id)
    writer.write(f"POST /upload HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nContent-Length: 1000\r\n\r\npart".encode())
    await eventually(lambda: exchanges(harness, 1))
    writer.close()
    await eventually(lambda: exchanges(harness, 0))


async def test_a_chunked_answer_comes_piece_by_piece(harness: ConnectHarness, cookie: str) -> None:
    url = f"{harness.origin}/slow?chunks=50&interval=0.1&size=10"
    async with harness.http.get(url, headers={"Cookie": cookie}) as answer:
        first = await soon(answer.content.readexactly(10), 2)
        assert first == b"0" * 10


async def test_a_client_of_http_1_0_gets_a_body_without_chunk_sizes(harness: ConnectHarness, cookie: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", harness.port)
    host = harness.addresses.tool_host(harness.public_id)
    writer.write(f"GET /slow?chunks=3&interval=0 HTTP/1.0\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n".encode())
    head, _, body = (await soon(reader.read())).partition(b"\r\n\r\n")
    writer.close()
    assert b"transfer-encoding" not in head
    assert body == b"0" * 10 + b"1" * 10 + b"2" * 10


async def test_an_answer_of_many_bytes_comes_whole(harness: ConnectHarness, cookie: str) -> None:
    answer = await harness.ask("/bytes?n=5000000", cookie=cookie)
    assert len(answer.body) == 5_000_000


async def test_many_requests_at_once(harness: ConnectHarness, cookie: str) -> None:
    answers = await asyncio.gather(*(harness.ask(f"/headers?n={n}", cookie=cookie) for n in range(100)))
    assert [json.loads(answer.body)["target"] for answer in answers] == [f"/headers?n={n}" for n in range(100)]


async def test_when_the_client_leaves_the_tool_is_left_too(harness: ConnectHarness, cookie: str) -> None:
    asking = asyncio.create_task(harness.ask("/never", cookie=cookie))
    await eventually(lambda: exchanges(harness, 1))
    asking.cancel()
    await eventually(lambda: exchanges(harness, 0))


async def test_a_tool_that_breaks_off_midway_leaves_an_unfinished_answer(mortal_harness: ConnectHarness) -> None:
    harness = mortal_harness
    cookie = await harness.enter()
    async with harness.http.get(f"{harness.origin}/slow?chunks=1000&interval=0.05", headers={"Cookie": cookie}) as answer:
        await soon(answer.content.readany())
        await harness.http.get(f"{harness.origin}/exit?code=1", headers={"Cookie": cookie})
        with pytest.raises(aiohttp.ClientError):
            await soon(answer.read())


async def test_a_tool_that_breaks_off_before_answering_is_told_as_such(harness: ConnectHarness, cookie: str) -> None:
    answer = await harness.ask("/abort", "POST", cookie=cookie)
    assert (answer.status, answer.code) == (502, "TOOL_UNREACHABLE")
    page = await harness.ask("/abort", cookie=cookie, Accept="text/html")
    assert "closed the connection" in page.text
    assert not await harness.events(Kind.CONNECTION_ERROR)


@pytest.mark.behaviour("B57", "B58")
async def test_a_tool_that_does_not_listen_is_told_once_to_everybody(mortal_harness: ConnectHarness) -> None:
    harness = mortal_harness
    cookie = await harness.enter()
    await end_tool(harness, cookie)
    answers = await asyncio.gather(*(harness.ask("/", cookie=cookie) for _ in range(5)))
    assert {(answer.status, answer.code) for answer in answers} == {(502, "TOOL_UNREACHABLE")}
    page = await harness.ask("/lab", cookie=cookie, Accept="text/html")
    assert page.headers["Refresh"]
    async with harness.socket("/ws", cookie) as socket:
        assert (await soon(socket.receive())).data == 4502
    events = await eventually(lambda: harness.events(Kind.CONNECTION_ERROR))
    assert [event["code"] for event in events] == ["TOOL_UNREACHABLE"]
    assert events[0]["retryable"] is True
