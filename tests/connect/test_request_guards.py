"""Who may use a session's cookie, and which requests are cut off before they reach a tool (B50)."""

import asyncio
from contextlib import suppress

import pytest

from connect import http_protocol
from tests.connect.world import ConnectHarness
from tests.waiting import soon

THE_API = b"the API\r\n0\r\n\r\n"


@pytest.fixture
async def cookie(harness: ConnectHarness) -> str:
    return await harness.enter()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "null", "Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "Cross-Site", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "image"},
        {"Sec_Fetch_Site": "same-origin, cross-site", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "image"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "image"},
        {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "cors", "Sec_Fetch_Dest": "empty"},
        {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe"},
    ],
)
async def test_other_sites_and_other_sessions_cannot_use_the_cookie(harness: ConnectHarness, cookie: str, headers: dict[str, str]) -> None:
    for method in ("GET", "POST"):
        assert (await harness.ask("/", method, cookie=cookie, **headers)).code == "CROSS_ORIGIN"


async def test_a_form_of_the_tool_that_hides_its_origin_may_post(harness: ConnectHarness, cookie: str) -> None:
    headers = {"Origin": "null", "Sec_Fetch_Site": "same-origin", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe"}
    assert (await harness.ask("/upload", "POST", cookie=cookie, data=b"x", **headers)).status == 200


async def test_a_form_of_another_site_cannot_post(harness: ConnectHarness, cookie: str) -> None:
    headers = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert (await harness.ask("/upload", "POST", cookie=cookie, data=b"x", **headers)).code == "CROSS_ORIGIN"


async def test_a_link_on_another_site_may_lead_here(harness: ConnectHarness, cookie: str) -> None:
    headers = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert (await harness.ask("/headers", cookie=cookie, **headers)).status == 200


async def test_a_cookie_of_another_studio_is_none(harness: ConnectHarness, cookie: str) -> None:
    elsewhere = harness.addresses.tool_origin("0" * 12)
    assert (await harness.ask(f"{elsewhere}/", cookie=cookie)).code == "UNAUTHENTICATED"


async def test_a_second_planted_cookie_is_noticed(harness: ConnectHarness, cookie: str) -> None:
    viewer, _ = await harness.newcomer()
    other = await harness.enter(viewer)
    answer = await harness.ask("/", cookie=f"{other}; {cookie}")
    assert answer.code == "BAD_REQUEST"
    junk = f"{cookie.partition('=')[0]}=junk; {cookie}"
    assert (await harness.ask("/", cookie=junk)).status == 200


@pytest.mark.parametrize("change", ["shorter", "other end", "empty", "long"])
async def test_an_altered_cookie_is_none(harness: ConnectHarness, cookie: str, change: str) -> None:
    name, _, value = cookie.partition("=")
    values = {"shorter": value[:-1], "other end": f"{value[:-3]}AAA", "empty": "", "long": "gAAAA" + "x" * 2000}
    assert (await harness.ask("/", cookie=f"{name}={values[change]}")).code == "UNAUTHENTICATED"


async def test_the_host_header_alone_decides(harness: ConnectHarness, cookie: str) -> None:
    async def by_host(*hosts: str, target: str = "/") -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", harness.port)
        lines = [f"GET {target} HTTP/1.1", *(f"Host: {host}" for host in hosts), f"Cookie: {cookie}", "Connection: close"]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
        answer = await soon(reader.read())
        writer.close()
        return answer

    own = harness.addresses.tool_host(harness.public_id)
    assert (await by_host(own)).endswith(b"tiny")
    assert (await by_host(own.upper())).endswith(b"tiny")
    assert b"404" in (await by_host(f"x.{own}"))
    assert b"404" in (await by_host(own.replace(":", ".:")))
    assert (await by_host(f"{own}.evil.example")).endswith(THE_API)
    assert b"400" in (await by_host(own, harness.addresses.api_host))
    assert b" 400 " in (await by_host(harness.addresses.api_host, target=f"http://{own}/"))
    assert b" 400 " in (await by_host(own, target=f"http://{harness.addresses.api_host}/"))
    assert b" 400 " in (await by_host(own, target=f"http://ada@{own}/"))
    assert (await by_host(own, target=f"http://{own.upper()}/")).endswith(b"tiny")
    assert (await by_host("evil.example")).endswith(THE_API)


async def test_headers_without_end_are_cut_off(harness: ConnectHarness) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", harness.port)
    writer.write(b"GET / HTTP/1.1\r\n")
    with suppress(ConnectionError):
        for _ in range(1000):
            writer.write(b"X-Long: " + b"x" * 1000 + b"\r\n")
            await writer.drain()
    answer = b""
    with suppress(ConnectionError):
        answer = await soon(reader.read())
    assert answer == b"" or b" 431 " in answer
    writer.close()


@pytest.mark.parametrize(("sent", "answered"), [(b"", b""), (b"GET / HTTP/1.1\r\nX-Slow:", b"HTTP/1.1 408 ")])
async def test_who_does_not_come_to_the_end_of_the_headers_is_cut_off(
    harness: ConnectHarness, monkeypatch: pytest.MonkeyPatch, sent: bytes, answered: bytes
) -> None:
    """A connection that was opened ahead just ends: a browser would show the answer to what it asks later."""
    monkeypatch.setattr(http_protocol, "HEAD_TIMEOUT_S", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", harness.port)
    writer.write(sent)
    answer = await soon(reader.read())
    assert answer.startswith(answered)
    assert bool(answer) == bool(answered)
    writer.close()


async def test_the_limit_is_that_of_headers_alone(harness: ConnectHarness, cookie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_TIMEOUT_S", 0.2)
    assert (await harness.ask("/slow?chunks=6&interval=0.1&size=10", cookie=cookie)).status == 200


async def test_headers_and_paths_that_are_too_long_are_refused(harness: ConnectHarness, cookie: str) -> None:
    assert (await harness.ask("/" + "x" * 9000, cookie=cookie)).code == "BAD_REQUEST"
    many = {f"X_{number}": "x" for number in range(200)}
    assert (await harness.ask("/", cookie=cookie, **many)).code == "BAD_REQUEST"
