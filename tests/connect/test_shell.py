"""The page around the tool (B52, B53, B58)."""

import json
import re
from pathlib import Path

import pytest

from services.compute.protocol import Upstream
from services.domain.access import Operator
from services.store.db.database import Database
from tests.connect.scripted_tools import OK, facing, saying
from tests.connect.world import ConnectHarness, location


@pytest.fixture
async def cookie(harness: ConnectHarness) -> str:
    return await harness.enter()


async def test_it_says_whose_studio_it_is_and_who_is_signed_in(harness: ConnectHarness) -> None:
    viewer, _ = await harness.newcomer(name="grace")
    page = await harness.visit("/_sg/", await harness.enter(viewer))
    assert page.status == 200
    assert "Penguins" in page.text
    assert "Ada\u2019s Studio" in page.text
    assert "<b>Grace</b>" in page.text
    assert f'href="{harness.api}/"' in page.text


async def test_names_are_text_and_never_markup(harness: ConnectHarness) -> None:
    await harness.change_studio(name='<script>alert(1)</script>" onload="x')
    page = await harness.visit("/_sg/", await harness.enter())
    assert "<script>alert" not in page.text
    assert '" onload="x' not in page.text


async def test_its_policy_allows_its_own_script_and_nothing_inline(harness: ConnectHarness, cookie: str) -> None:
    page = await harness.visit("/_sg/", cookie)
    policy = page.headers["Content-Security-Policy"]
    nonce = re.search(r"script-src 'nonce-([^']+)'", policy)
    assert nonce
    assert page.text.count("<script") == 1
    assert f'<script nonce="{nonce[1]}" src="/_sg/shell.js' in page.text
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    other = await harness.visit("/_sg/", cookie)
    assert nonce[1] not in other.headers["Content-Security-Policy"]


async def test_the_frame_is_told_apart_from_the_tab(harness: ConnectHarness, cookie: str) -> None:
    assert location(await harness.visit("/", cookie)) == "/_sg/"
    assert location(await harness.visit("/?token=x", cookie)) == "/_sg/?to=/%3Ftoken%3Dx"
    framed = await harness.ask("/", cookie=cookie, Accept="text/html", Sec_Fetch_Dest="iframe", Sec_Fetch_Site="same-origin")
    assert framed.text == "tiny"
    assert (await harness.ask("/", cookie=cookie)).text == "tiny"


async def test_without_sec_fetch_headers_the_frame_is_known_by_its_referer(harness: ConnectHarness, cookie: str) -> None:
    page = {"Accept": "text/html"}
    assert location(await harness.ask("/", cookie=cookie, **page)) == "/_sg/"
    assert (await harness.ask("/", cookie=cookie, Referer=f"{harness.origin}/_sg/", **page)).text == "tiny"
    assert (await harness.ask("/", cookie=cookie, Referer=f"{harness.origin}.evil.example/", **page)).status == 303


async def test_pages_of_the_tool_open_in_tabs_of_their_own(harness: ConnectHarness, cookie: str) -> None:
    assert (await harness.visit("/headers", cookie)).status == 200


async def test_a_tool_that_may_not_be_framed_is_opened_itself(harness: ConnectHarness) -> None:
    from sqlalchemy import update

    from services.store.tables import core

    async with harness.database.write() as transaction:
        await transaction.execute(update(core.template).values(embeddable=False))
    cookie = await harness.enter()
    assert location(await harness.visit("/_sg/?to=/lab", cookie)) == "/lab"
    assert (await harness.visit("/", cookie)).text == "tiny"


DENY = b"X-Frame-Options: DENY"


@pytest.mark.parametrize(
    ("header", "is_shown"),
    [
        (DENY, False),
        (b"X-Frame-Options: deny, SAMEORIGIN", False),
        (b"X-Frame-Options: SAMEORIGIN", True),
        (b"Content-Security-Policy: default-src 'self'; frame-ancestors 'none'", False),
        (b"Content-Security-Policy: frame-ancestors https://elsewhere.example", False),
        (b"Content-Security-Policy: frame-ancestors 'self'\r\n" + DENY, True),
        (b"Content-Security-Policy: frame-ancestors *", True),
        (b"Content-Security-Policy: default-src 'none'", True),
    ],
)
async def test_a_page_that_refuses_our_frame_leads_out_of_it(
    sqlite_database: Database, tmp_path: Path, header: bytes, is_shown: bool
) -> None:
    answer = OK + header + b"\r\nSet-Cookie: tool=1\r\nContent-Length: 4\r\n\r\ntool"
    async with facing(sqlite_database, tmp_path, saying(answer)) as (harness, cookie, _):
        framed = await harness.ask("/lab?a=b", cookie=cookie, Sec_Fetch_Dest="iframe", Sec_Fetch_Site="same-origin")
        assert framed.cookies == ["tool=1"]
        assert (framed.text == "tool") is is_shown
        assert is_shown or 'href="/_sg/unframed?to=/lab%3Fa%3Db"' in framed.text
        assert (await harness.visit("/lab", cookie)).text == "tool"
        assert (await harness.ask("/lab", cookie=cookie, Sec_Fetch_Dest="empty", Sec_Fetch_Site="same-origin")).text == "tool"


@pytest.mark.behaviour("B53")
async def test_a_tool_that_refused_our_frame_is_shown_without_it_and_its_sockets_count(harness: ConnectHarness, cookie: str) -> None:
    answer = await harness.visit("/_sg/unframed?to=/lab%3Fa%3Db", cookie)
    assert location(answer) == "/lab?a=b"
    remembered = f"{cookie}; {answer.cookies[0].partition(';')[0]}"
    assert (await harness.visit("/", remembered)).text == "tiny"
    assert location(await harness.visit("/_sg/?to=/lab", remembered)) == "/lab"
    assert location(await harness.visit("/", cookie)) == "/_sg/"
    got = json.loads((await harness.ask("/headers", cookie=remembered)).body)
    assert not [value for name, value in got["headers"] if name.lower() == "cookie"]
    async with harness.socket("/ws", remembered):
        assert [person.user_id for person in await harness.presence.people(harness.studio_id)] == [harness.world.viewer.user_id]


async def test_another_session_of_the_tool_is_framed_again(harness: ConnectHarness, cookie: str, tool: Upstream) -> None:
    answer = await harness.visit("/_sg/unframed", cookie)
    await harness.stop()
    await harness.run_session(tool)
    remembered = f"{await harness.enter()}; {answer.cookies[0].partition(';')[0]}"
    assert location(await harness.visit("/", remembered)) == "/_sg/"


@pytest.mark.parametrize("to", ["//evil.example", "javascript:alert(1)", "/_sg/", "/%2f/evil"])
async def test_the_frame_never_shows_another_site(harness: ConnectHarness, cookie: str, to: str) -> None:
    page = await harness.visit(f"/_sg/?to={to}", cookie)
    assert 'src="/" allow' in page.text


async def test_its_script_and_style_are_the_same_for_everybody_and_kept(harness: ConnectHarness) -> None:
    for path, kind in (("/_sg/shell.js", "text/javascript"), ("/_sg/shell.css", "text/css")):
        answer = await harness.ask(path)
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith(kind)
        assert "immutable" in answer.headers["Cache-Control"]


async def test_its_state_renews_the_cookie_and_tells_why_not(harness: ConnectHarness, cookie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = await harness.ask("/_sg/state", cookie=cookie)
    assert json.loads(fresh.body) == {"in": True, "refusal": None}
    assert not fresh.cookies
    monkeypatch.setattr("connect.session_grants.RENEW_SECONDS", -1)
    renewed = await harness.ask("/_sg/state", cookie=cookie)
    assert renewed.cookies[0].startswith(cookie.partition("=")[0])
    assert (await harness.ask("/headers", cookie=renewed.cookies[0].partition(";")[0])).cookies
    await harness.stop()
    await harness.tokens.revoke_any(Operator(), harness.world.viewer.token_id)
    assert (await harness.ask("/_sg/state")).status == 401


async def test_a_cookie_lives_minutes(harness: ConnectHarness, cookie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    later = time.time() + 601
    monkeypatch.setattr("connect.session_grants.time", lambda: later)
    assert (await harness.ask("/headers", cookie=cookie)).code == "UNAUTHENTICATED"


async def test_a_page_of_ours_in_the_frame_may_be_framed_by_us_alone(harness: ConnectHarness, cookie: str) -> None:
    await harness.stop()
    framed = await harness.ask("/lab", cookie=cookie, Accept="text/html", Sec_Fetch_Dest="iframe")
    assert framed.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in framed.headers["Content-Security-Policy"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_under_our_prefix_things_are_only_read(harness: ConnectHarness, cookie: str, method: str) -> None:
    assert (await harness.ask("/_sg/", method, cookie=cookie)).code == "BAD_REQUEST"


def test_on_https_the_cookies_are_bound_to_host_and_tls() -> None:
    from connect.cookies import CookieNames
    from services.connections.addresses import Addresses

    names = CookieNames.of(Addresses("https://api.example", "studios.example"), "0" * 32)
    assert (names.session, names.login) == ("__Host-sg_session", "__Host-sg_login")
    _, value = names.set(names.session, "x", 60)
    assert value == b"__Host-sg_session=x; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure"
