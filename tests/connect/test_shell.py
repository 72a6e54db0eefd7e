"""The origin of the shell, the page around the tool (B52, B53, B58)."""

import json
import re

import aiohttp
import pytest

from services.domain.access import Operator
from services.domain.ids import new_public_id
from tests.connect.world import ConnectHarness, name_of
from tests.waiting import soon


@pytest.fixture
async def cookie(harness: ConnectHarness) -> str:
    return await harness.open_shell()


async def test_it_says_whose_studio_it_is_and_who_is_signed_in(harness: ConnectHarness) -> None:
    viewer, _ = await harness.newcomer(name="grace")
    page = await harness.visit(f"{harness.shell}/", await harness.open_shell(viewer))
    assert page.status == 200
    assert "Penguins" in page.text
    assert "Ada\u2019s Studio" in page.text
    assert "<b>Grace</b>" in page.text
    assert f'href="{harness.api}/"' in page.text


async def test_names_are_text_and_never_markup(harness: ConnectHarness) -> None:
    await harness.change_studio(name='<script>alert(1)</script>" onload="x')
    page = await harness.visit(f"{harness.shell}/", await harness.open_shell())
    assert "<script>alert" not in page.text
    assert '" onload="x' not in page.text


async def test_its_policy_allows_its_own_scripts_and_no_other(harness: ConnectHarness, cookie: str) -> None:
    page = await harness.visit(f"{harness.shell}/", cookie)
    policy = page.headers["Content-Security-Policy"]
    nonce = re.search(r"script-src 'nonce-([^']+)'", policy)
    assert nonce
    assert page.text.count("<script") == page.text.count(f'<script nonce="{nonce[1]}"') == 2
    assert f'<script nonce="{nonce[1]}" src="/_sg/shell.js' in page.text
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert f"frame-src {harness.origin};" in policy
    assert f"connect-src 'self' {harness.shell.replace('http', 'ws')} {harness.origin}/_sg/grant;" in policy
    assert "unsafe" not in policy
    other = await harness.visit(f"{harness.shell}/", cookie)
    assert nonce[1] not in other.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/", "/"),
        ("/lab/deep?x=1", "/lab/deep?x=1"),
        ("/?token=x", "/?token=x"),
        ("/a%20b", "/a%20b"),
        ("/x?next=//evil.example", "/x?next=//evil.example"),
        ("/%2fevil.example", "/"),
        ("/%252fevil.example", "/"),
        ("/javascript:alert(1)", "/javascript:alert(1)"),
    ],
)
async def test_its_path_is_that_of_the_tool(harness: ConnectHarness, cookie: str, path: str, shown: str) -> None:
    page = await harness.visit(f"{harness.shell}{path}", cookie)
    assert f'data-tool="{harness.origin}" data-path="{shown}" data-framed="yes"' in page.text


async def test_nothing_of_the_tool_is_served_at_its_origin(harness: ConnectHarness, cookie: str) -> None:
    tools = await harness.enter()
    assert (await harness.ask(f"{harness.shell}/headers", cookie=tools)).code == "UNAUTHENTICATED"
    assert "data-path" in (await harness.ask(f"{harness.shell}/headers", cookie=f"{cookie}; {tools}")).text
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert (await harness.ask(f"{harness.shell}/upload", method, cookie=cookie, Origin=harness.shell)).code == "BAD_REQUEST"
    async with harness.socket("/ws", cookie, at=harness.shell) as socket:
        assert (await soon(socket.receive())).data == 4404


async def test_its_cookie_is_not_the_tools_and_the_tools_is_not_its(harness: ConnectHarness, cookie: str) -> None:
    tools = await harness.enter()
    assert name_of(cookie) != name_of(tools)
    assert (await harness.ask("/", cookie=f"{name_of(tools)}={cookie.partition('=')[2]}")).code == "UNAUTHENTICATED"
    swapped = f"{name_of(cookie)}={tools.partition('=')[2]}"
    assert (await harness.ask(f"{harness.shell}/_sg/state", cookie=swapped)).code == "UNAUTHENTICATED"


@pytest.mark.parametrize("page", ["tool", "another session's shell", "another session's tool", "evil"])
async def test_no_other_page_reads_it_frames_it_or_posts_to_it(harness: ConnectHarness, cookie: str, page: str) -> None:
    elsewhere = new_public_id()
    origin = {
        "tool": harness.origin,
        "another session's shell": harness.addresses.shell_origin(elsewhere),
        "another session's tool": harness.addresses.tool_origin(elsewhere),
        "evil": "http://evil.example",
    }[page]
    fetched = {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "cors", "Sec_Fetch_Dest": "empty"}
    framed = {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe", "Referer": f"{origin}/"}
    answers = [
        await harness.ask(f"{harness.shell}/_sg/state", cookie=cookie, Origin=origin, **fetched),
        await harness.ask(f"{harness.shell}/_sg/grant", "POST", cookie=cookie, Origin=origin, **fetched),
        await harness.ask(f"{harness.shell}/_sg/grant", "POST", cookie=cookie, Origin=origin),
        await harness.ask(f"{harness.shell}/", cookie=cookie, **framed),
    ]
    assert {answer.code for answer in answers} == {"CROSS_ORIGIN"}
    assert not any("Access-Control-Allow-Origin" in answer.headers for answer in answers)
    with pytest.raises(aiohttp.WSServerHandshakeError):
        async with harness.live(cookie, origin=origin):
            pass


async def test_its_script_and_style_are_the_same_for_everybody_and_kept(harness: ConnectHarness) -> None:
    for path, kind in (("/_sg/shell.js", "text/javascript"), ("/_sg/shell.css", "text/css")):
        answer = await harness.ask(f"{harness.shell}{path}")
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith(kind)
        assert "immutable" in answer.headers["Cache-Control"]


async def test_its_state_renews_the_cookie_and_tells_why_not(harness: ConnectHarness, cookie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = await harness.ask(f"{harness.shell}/_sg/state", cookie=cookie)
    assert json.loads(fresh.body) == {"in": True, "refusal": None}
    assert not fresh.cookies
    monkeypatch.setattr("connect.session_grants.RENEW_SECONDS", -1)
    renewed = await harness.ask(f"{harness.shell}/_sg/state", cookie=cookie)
    assert renewed.cookies[0].startswith(cookie.partition("=")[0])
    tools = await harness.enter()
    assert (await harness.ask("/headers", cookie=tools)).cookies[0].startswith(name_of(tools))
    await harness.stop()
    await harness.tokens.revoke_any(Operator(), harness.world.viewer.token_id)
    assert (await harness.ask(f"{harness.shell}/_sg/state")).status == 401


async def test_a_cookie_lives_minutes(harness: ConnectHarness, cookie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    later, tools = time.time() + 601, await harness.enter()
    monkeypatch.setattr("connect.session_grants.time", lambda: later)
    assert (await harness.ask(f"{harness.shell}/_sg/state", cookie=cookie)).code == "UNAUTHENTICATED"
    assert (await harness.ask("/headers", cookie=tools)).code == "UNAUTHENTICATED"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_under_our_prefix_things_are_only_read(harness: ConnectHarness, cookie: str, method: str) -> None:
    assert (await harness.ask(f"{harness.shell}/_sg/state", method, cookie=cookie)).code == "BAD_REQUEST"


def test_on_https_the_cookies_are_bound_to_host_and_tls() -> None:
    from connect.cookies import CookieNames
    from services.connections.addresses import Addresses

    names = CookieNames.of(Addresses("https://api.example", "studios.example"), "0" * 32)
    assert (names.tool, names.shell, names.login) == ("__Host-sg_session", "__Host-sg_shell", "__Host-sg_login")
    _, value = names.set(names.tool, "x", 60)
    assert value == b"__Host-sg_session=x; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure"
