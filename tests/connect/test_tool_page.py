"""Which pages of a tool are shown in the shell's frame, and which in a whole tab (B51, B53)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import update

from services.compute.protocol import Upstream
from services.store.db.database import Database
from services.store.tables import core
from tests.connect.scripted_tools import OK, facing, saying
from tests.connect.world import Answer, ConnectHarness, location

HTML = b"Content-Type: text/html; charset=utf-8"
PROGRAM = {"Sec_Fetch_Dest": "empty", "Sec_Fetch_Site": "same-origin"}


@pytest.fixture
async def cookie(harness: ConnectHarness) -> str:
    return await harness.enter()


@asynccontextmanager
async def answering(database: Database, tmp_path: Path, *lines: bytes, status: bytes = OK) -> AsyncIterator[tuple[ConnectHarness, str]]:
    """A tool that answers everything with these headers and the text `tool`."""
    head = b"".join(line + b"\r\n" for line in (*lines, b"Set-Cookie: tool=1", b"Content-Length: 4"))
    async with facing(database, tmp_path, saying(status + head + b"\r\ntool")) as (harness, cookie, _):
        yield harness, cookie


async def framed(harness: ConnectHarness, path: str, cookie: str, referer: str | None = None, **headers: str) -> Answer:
    """As the shell loads a page in its frame."""
    fetched = {"Sec_Fetch_Dest": "iframe", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Site": "same-site", **headers}
    return await harness.ask(path, cookie=cookie, Accept="text/html", Referer=referer or f"{harness.shell}/", **fetched)


async def test_the_frame_is_told_apart_from_the_tab(harness: ConnectHarness, cookie: str) -> None:
    assert location(await harness.visit("/", cookie)) == f"{harness.shell}/"
    assert location(await harness.visit("/?token=x", cookie)) == f"{harness.shell}/?token=x"
    assert (await framed(harness, "/", cookie)).text == "tiny"
    assert (await harness.ask("/", cookie=cookie)).text == "tiny"


async def test_the_frame_is_known_through_a_service_worker_of_the_tool(sqlite_database: Database, tmp_path: Path) -> None:
    forwarded = {"Sec_Fetch_Dest": "empty"}
    async with answering(sqlite_database, tmp_path, HTML) as (harness, cookie):
        assert (await framed(harness, "/lab", cookie, **forwarded)).text == "tool"
        assert (await framed(harness, "/lab", cookie, f"{harness.origin}/", **forwarded, Sec_Fetch_Site="same-origin")).text == "tool"
        for referer in (f"{harness.origin}/", f"{harness.addresses.shell_origin('0' * 12)}/"):
            assert (await framed(harness, "/lab", cookie, referer, **forwarded)).code == "CROSS_ORIGIN"


async def test_without_sec_fetch_headers_the_frame_is_known_by_its_referer(harness: ConnectHarness, cookie: str) -> None:
    for path, body in (("/", "tiny"), ("/pages/x", "page")):
        page = {"cookie": cookie, "Accept": "text/html"}
        assert location(await harness.ask(path, **page)) == f"{harness.shell}{path}"
        assert body in (await harness.ask(path, Referer=f"{harness.shell}/", **page)).text
        assert body in (await harness.ask(path, Referer=f"{harness.origin}/pages/y", **page)).text
        for elsewhere in (f"{harness.origin}.evil.example/", f"{harness.shell}.evil.example/", f"{harness.api}/"):
            assert (await harness.ask(path, Referer=elsewhere, **page)).status == 303


@pytest.mark.parametrize("referer", ["none", "http://evil.example/", "another session's tool", "another session's shell"])
async def test_only_the_shell_of_the_session_frames_its_tool(harness: ConnectHarness, cookie: str, referer: str) -> None:
    others = {
        "another session's tool": f"{harness.addresses.tool_origin('0' * 12)}/",
        "another session's shell": f"{harness.addresses.shell_origin('0' * 12)}/",
    }
    answer = await framed(harness, "/pages/x", cookie, others.get(referer, referer))
    assert answer.code == "CROSS_ORIGIN"
    answer = await framed(harness, "/pages/x", cookie, Sec_Fetch_Site="cross-site")
    assert answer.code == "CROSS_ORIGIN"


@pytest.mark.behaviour("B53")
@pytest.mark.parametrize(
    ("headers", "status", "is_in_shell"),
    [
        ([HTML], OK, True),
        ([b"content-type: TEXT/HTML"], OK, True),
        ([b"Content-Type: application/xhtml+xml"], OK, True),
        ([HTML, b"Content-Disposition: inline"], OK, True),
        ([HTML], b"HTTP/1.1 206 Partial Content\r\n", True),
        ([HTML, b"Content-Disposition: attachment; filename=x.html"], OK, False),
        ([b"Content-Type: image/png"], OK, False),
        ([b"Content-Type: application/json"], OK, False),
        ([], OK, False),
        ([HTML, b"Location: /x"], b"HTTP/1.1 302 Found\r\n", False),
        ([HTML], b"HTTP/1.1 404 Not Found\r\n", False),
        ([HTML, b"X-Frame-Options: DENY"], OK, False),
    ],
)
async def test_a_page_in_a_whole_tab_moves_into_the_shell_and_all_else_is_shown_as_it_is(
    sqlite_database: Database, tmp_path: Path, headers: list[bytes], status: bytes, is_in_shell: bool
) -> None:
    async with answering(sqlite_database, tmp_path, *headers, status=status) as (harness, cookie):
        answer = await harness.visit("/lab/deep?a=b", cookie)
        assert answer.cookies[0] == "tool=1"
        if is_in_shell:
            assert location(answer) == f"{harness.shell}/lab/deep?a=b"
        else:
            assert answer.text == "tool"
        assert (await framed(harness, "/lab/deep", cookie)).status == int(status.split()[1])
        fetched = await harness.ask("/lab/deep", cookie=cookie, **PROGRAM)
        assert fetched.text == "tool"
        posted = await harness.ask(
            "/lab", "POST", cookie=cookie, Origin=harness.origin, Sec_Fetch_Dest="document", Sec_Fetch_Mode="navigate"
        )
        assert posted.text == "tool"


async def test_a_path_that_the_shell_would_not_show_stays_in_its_tab(harness: ConnectHarness, cookie: str) -> None:
    assert "page" in (await harness.visit("/pages/%2525252525", cookie)).text


async def test_what_the_browser_keeps_of_the_frame_is_not_shown_in_a_whole_tab(harness: ConnectHarness, cookie: str) -> None:
    assert (await framed(harness, "/pages/x", cookie)).headers["Vary"] == "Sec-Fetch-Dest"
    conditions = {"If_None_Match": '"1"', "If_Modified_Since": "Sat, 01 Jan 2000 00:00:00 GMT"}
    asked = await harness.ask("/headers", cookie=cookie, Sec_Fetch_Dest="document", Sec_Fetch_Mode="navigate", **conditions)
    assert not {"if-none-match", "if-modified-since"} & {name.lower() for name, _ in json.loads(asked.body)["headers"]}
    asked = await framed(harness, "/headers", cookie, **conditions)
    assert {"if-none-match", "if-modified-since"} <= {name.lower() for name, _ in json.loads(asked.body)["headers"]}


async def test_a_tool_that_may_not_be_framed_is_opened_itself(harness: ConnectHarness) -> None:
    async with harness.database.write() as transaction:
        await transaction.execute(update(core.template).values(embeddable=False))
    page = await harness.visit(f"{harness.shell}/lab", await harness.open_shell())
    assert 'data-path="/lab" data-framed="no"' in page.text
    cookie = await harness.enter()
    assert (await harness.visit("/", cookie)).text == "tiny"
    assert "page" in (await harness.visit("/pages/x", cookie)).text


DENY = b"X-Frame-Options: DENY"
SAMEORIGIN = b"X-Frame-Options: SAMEORIGIN"
POLICY = b"Content-Security-Policy: "


@pytest.mark.parametrize(
    ("header", "is_shown"),
    [
        (DENY, False),
        (b"X-Frame-Options: deny, SAMEORIGIN", False),
        (SAMEORIGIN, True),
        (POLICY + b"default-src 'self'; frame-ancestors 'none'", False),
        (POLICY + b"frame-ancestors https://elsewhere.example", False),
        (POLICY + b"frame-ancestors 'self'\r\n" + DENY, True),
        (POLICY + b"frame-ancestors *", True),
        (POLICY + b"default-src 'none'", True),
    ],
)
async def test_a_page_that_refuses_our_frame_leads_out_of_it(
    sqlite_database: Database, tmp_path: Path, header: bytes, is_shown: bool
) -> None:
    async with answering(sqlite_database, tmp_path, header, HTML) as (harness, cookie):
        answer = await framed(harness, "/lab?a=b", cookie)
        assert answer.cookies == ["tool=1"]
        assert (answer.text == "tool") is is_shown
        assert is_shown or f'href="{harness.shell}/_sg/unframed?to=/lab%3Fa%3Db"' in answer.text
        assert is_shown or f"frame-ancestors {harness.shell}" in answer.headers["Content-Security-Policy"]
        whole = await harness.visit("/lab", cookie)
        assert (whole.status == 303) is is_shown
        assert (await harness.ask("/lab", cookie=cookie, **PROGRAM)).text == "tool"


@pytest.mark.parametrize(
    ("header", "policies"),
    [
        (SAMEORIGIN, ["frame-ancestors 'self' {shell}"]),
        (SAMEORIGIN + b"\r\n" + POLICY + b"default-src 'self'", ["default-src 'self'", "frame-ancestors 'self' {shell}"]),
        (POLICY + b"frame-ancestors 'self'; report-uri /csp", ["frame-ancestors 'self' {shell}; report-uri /csp"]),
        (SAMEORIGIN + b"\r\n" + POLICY + b"Frame-Ancestors 'SELF'", ["Frame-Ancestors 'SELF' {shell}"]),
        (
            POLICY + b"frame-ancestors 'self', img-src *;frame-ancestors {tool}",
            ["frame-ancestors 'self' {shell}, img-src *;frame-ancestors {tool} {shell}"],
        ),
        (POLICY + b"img-src *", ["img-src *"]),
    ],
)
async def test_a_tool_that_allows_its_own_pages_to_frame_it_is_framed_by_the_shell(
    sqlite_database: Database, tmp_path: Path, header: bytes, policies: list[str]
) -> None:
    answers = [OK]

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await saying(*answers)(reader, writer)

    async with facing(sqlite_database, tmp_path, script) as (harness, cookie, _):
        names = {"{tool}": harness.origin, "{shell}": harness.shell}
        answers.append(header.replace(b"{tool}", harness.origin.encode()) + b"\r\nContent-Length: 4\r\n\r\ntool")
        answer = await framed(harness, "/lab", cookie)
        assert "X-Frame-Options" not in answer.headers
        assert answer.headers.getall("Content-Security-Policy") == [_filled(policy, names) for policy in policies]  # type: ignore[attr-defined]


def _filled(text: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        text = text.replace(name, value)
    return text


@pytest.mark.behaviour("B53")
async def test_a_tool_that_refused_our_frame_is_shown_without_it_and_its_sockets_count(harness: ConnectHarness, cookie: str) -> None:
    shell = await harness.open_shell()
    answer = await harness.visit(f"{harness.shell}/_sg/unframed?to=/lab%3Fa%3Db", shell)
    assert location(answer) == "/lab?a=b"
    remembered = f"{shell}; {answer.cookies[0].partition(';')[0]}"
    assert 'data-path="/lab?a=b" data-framed="no"' in (await harness.visit(f"{harness.shell}/lab?a=b", remembered)).text
    granted = await harness.grant(await harness.tool_code(shell), query="?unframed=1")
    remembered = "; ".join(header.partition(";")[0] for header in granted.cookies)
    assert (await harness.visit("/", remembered)).text == "tiny"
    assert "page" in (await harness.visit("/pages/x", remembered)).text
    assert location(await harness.visit("/", cookie)) == f"{harness.shell}/"
    got = json.loads((await harness.ask("/headers", cookie=remembered)).body)
    assert not [value for name, value in got["headers"] if name.lower() == "cookie"]
    async with harness.socket("/ws", remembered):
        assert [person.user_id for person in await harness.presence.people(harness.studio_id)] == [harness.world.viewer.user_id]


@pytest.mark.behaviour("B53")
async def test_a_page_that_refuses_frames_in_a_whole_tab_is_remembered(sqlite_database: Database, tmp_path: Path) -> None:
    async with answering(sqlite_database, tmp_path, DENY, HTML) as (harness, cookie):
        answer = await harness.visit("/lab", cookie)
        assert answer.text == "tool"
        remembered = f"{cookie}; {answer.cookies[1].partition(';')[0]}"
        assert (await harness.visit("/", remembered)).text == "tool"


async def test_another_session_of_the_tool_is_framed_again(harness: ConnectHarness, tool: Upstream) -> None:
    answer = await harness.visit(f"{harness.shell}/_sg/unframed", await harness.open_shell())
    await harness.stop()
    await harness.run_session(tool)
    remembered = answer.cookies[0].partition(";")[0]
    assert 'data-framed="yes"' in (await harness.visit(f"{harness.shell}/", f"{await harness.open_shell()}; {remembered}")).text
    assert location(await harness.visit("/", f"{await harness.enter()}; {remembered}")) == f"{harness.shell}/"


async def test_a_page_of_ours_in_the_frame_may_be_framed_by_the_shell_alone(harness: ConnectHarness, cookie: str) -> None:
    await harness.stop()
    for destination in ("iframe", "empty"):  # the latter through a service worker of the tool
        answer = await framed(harness, "/lab", cookie, Sec_Fetch_Dest=destination)
        assert answer.status == 503
        assert "X-Frame-Options" not in answer.headers
        assert f"frame-ancestors {harness.shell}" in answer.headers["Content-Security-Policy"].split("; ")
