"""The way in: login on the API's origin, one-time code, the session's cookie (B50, B51)."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import aiohttp
import pytest
from sqlalchemy import update

from services.connections.connect_codes import BadCode
from services.domain.access import Operator, Role, TokenScope
from services.domain.errors import Forbidden, NotAllowedNow, NotFound
from services.domain.ids import new_public_id, secret_hash
from services.store.tables import core
from tests import factories
from tests.connect.world import ConnectHarness, location
from tests.waiting import soon


@pytest.mark.behaviour("B51")
async def test_an_anonymous_visitor_signs_in_and_lands_in_the_session(any_harness: ConnectHarness) -> None:
    harness = any_harness
    first = await harness.visit("/lab/tree/a%20b?x=1")
    assert location(first).startswith(f"{harness.api}/connect/{harness.public_id}?to=")
    second = await harness.visit(location(first))
    assert location(second).startswith(f"/login?studio={harness.public_id}&to=")
    form = await harness.visit(f"{harness.api}{location(second)}")
    assert form.status == 200
    assert 'value="/lab/tree/a%20b?x=1"' in form.text
    fields = {"token": harness.world.secret, "studio": harness.public_id, "to": "/lab/tree/a%20b?x=1"}
    signed_in = await harness.ask(f"{harness.api}/login", "POST", data=fields, Origin=harness.api)
    login = signed_in.cookies[0].partition(";")[0]
    third = await harness.visit(f"{harness.api}{location(signed_in)}", login)
    assert location(third).startswith(f"{harness.shell}/_sg/enter?code=sgc_")
    entered = await harness.visit(location(third))
    session = entered.cookies[0].partition(";")[0]
    assert location(entered) == "/lab/tree/a%20b?x=1"
    shell = await harness.visit(f"{harness.shell}{location(entered)}", session)
    assert shell.status == 200
    assert f'data-tool="{harness.origin}" data-path="/lab/tree/a%20b?x=1"' in shell.text


@pytest.mark.behaviour("B50")
async def test_a_program_comes_in_by_the_code_of_connect_studio(harness: ConnectHarness) -> None:
    cookie = await harness.enter()
    answer = await harness.ask("/", cookie=cookie)
    assert (answer.status, answer.text) == (200, "tiny")


async def test_a_program_that_follows_redirects_ends_at_the_tool_with_its_cookie(harness: ConnectHarness) -> None:
    url, _ = await harness.codes.issue(harness.world.viewer, harness.studio_id, "/headers?a=b")
    jar = aiohttp.CookieJar(quote_cookie=False)
    async with aiohttp.ClientSession(connector=harness.http.connector, connector_owner=False, cookie_jar=jar) as session:
        async with session.get(url) as answer:
            assert str(answer.url) == f"{harness.origin}/headers?a=b"
            assert (await answer.json())["target"] == "/headers?a=b"
        async with session.ws_connect(f"{harness.origin}/ws", origin=harness.origin) as socket:
            await socket.send_str("here")
            assert (await soon(socket.receive())).data == "here"


async def test_the_code_exchange_is_neither_cached_nor_told_on(harness: ConnectHarness) -> None:
    url, _ = await harness.codes.issue(harness.world.viewer, harness.studio_id)
    answer = await harness.visit(url)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_the_cookies_are_host_only_and_hidden_from_scripts_and_other_sites(harness: ConnectHarness) -> None:
    url, _ = await harness.codes.issue(harness.world.viewer, harness.studio_id)
    session = (await harness.visit(url)).cookies[0]
    fields = {"token": harness.world.secret}
    login = (await harness.ask(f"{harness.api}/login", "POST", data=fields, Origin=harness.api)).cookies[0]
    tool = (await harness.grant(await harness.tool_code(session.partition(";")[0]))).cookies[0]
    for cookie in (session, tool, login):
        assert "HttpOnly; SameSite=Lax" in cookie
        assert "domain" not in cookie.lower()
        assert harness.world.installation_id[:8] in cookie.partition("=")[0]
    assert "Max-Age=43200" in login


async def test_a_code_works_once(harness: ConnectHarness) -> None:
    url, expires_at = await harness.codes.issue(harness.world.viewer, harness.studio_id)
    assert timedelta(seconds=55) < expires_at - datetime.now(UTC) <= timedelta(seconds=60)
    assert (await harness.visit(url)).status == 303
    again = await harness.visit(url)
    assert again.status == 403
    assert again.code == "BAD_CODE"
    assert not again.cookies
    assert f"{harness.api}/connect/{harness.public_id}" in again.text


async def test_a_used_code_in_a_reloaded_tab_leads_to_the_shell(harness: ConnectHarness) -> None:
    url, _ = await harness.codes.issue(harness.world.viewer, harness.studio_id)
    cookie = (await harness.visit(url)).cookies[0].partition(";")[0]
    assert location(await harness.visit(url, cookie)) == "/"


async def test_a_code_works_on_its_own_origin_only(harness: ConnectHarness) -> None:
    url, _ = await harness.codes.issue(harness.world.viewer, harness.studio_id)
    code = url.partition("code=")[2]
    elsewhere = new_public_id()
    assert (await harness.visit(f"{harness.addresses.shell_origin(elsewhere)}/_sg/enter?code={code}")).status == 403
    assert (await harness.ask(f"{harness.addresses.tool_origin(elsewhere)}/_sg/enter?code={code}")).status == 403
    assert (await harness.grant(code)).status == 401
    assert (await harness.visit(url)).status == 303


async def test_a_browser_does_not_exchange_its_code_where_the_tools_worker_would_see_it(harness: ConnectHarness) -> None:
    url, _ = await harness.codes.issue(harness.world.viewer, harness.studio_id)
    at_the_tool = url.replace(harness.shell, harness.origin)
    fetched = await harness.ask(at_the_tool, Sec_Fetch_Dest="empty", Sec_Fetch_Mode="cors", Sec_Fetch_Site="same-origin")
    for answer in (await harness.visit(at_the_tool), fetched, await harness.ask(at_the_tool, Accept="text/html")):
        assert location(answer) == f"{harness.shell}/"
        assert not answer.cookies
    assert (await harness.visit(url)).cookies


async def test_a_code_lives_sixty_seconds(harness: ConnectHarness) -> None:
    url, _ = await harness.codes.issue(harness.world.viewer, harness.studio_id)
    code = url.partition("code=")[2]
    async with harness.database.write() as transaction:
        past = transaction.now - timedelta(milliseconds=1)
        row = core.connect_code.c.hash == secret_hash(code)
        await transaction.execute(update(core.connect_code).where(row).values(expires_at=past))
    with pytest.raises(BadCode):
        await harness.codes.redeem(code, harness.shell)


async def test_two_who_use_a_code_at_once_are_not_both_let_in(any_harness: ConnectHarness) -> None:
    harness = any_harness
    url, _ = await harness.codes.issue(harness.world.viewer, harness.studio_id)
    import asyncio

    answers = await asyncio.gather(*(harness.visit(url) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [303, *[403] * 7]


@pytest.mark.parametrize("code", ["", "x", "sgc_" + "x" * 200, "ä"])
async def test_a_code_that_is_none_gets_the_same_page(harness: ConnectHarness, code: str) -> None:
    path = f"/_sg/enter?code={quote(code)}"
    assert [(answer.status, answer.code) for answer in (await harness.visit(f"{harness.shell}{path}"), await harness.ask(path))] == [
        (403, "BAD_CODE")
    ] * 2


@pytest.mark.behaviour("B51", "B92")
async def test_a_code_is_refused_as_the_viewer_may_know(harness: ConnectHarness) -> None:
    stranger, _ = await factories.create_token(harness.database, await factories.create_user(harness.database))
    with pytest.raises(NotFound):
        await harness.codes.issue(stranger, harness.studio_id)
    with pytest.raises(NotFound):
        await harness.codes.issue(harness.world.viewer, "0" * 32)
    viewer, _ = await harness.newcomer(Role.VIEW)
    with pytest.raises(Forbidden, match="CONNECT"):
        await harness.codes.issue(viewer, harness.studio_id)
    reader, _ = await factories.create_token(harness.database, harness.world.user_id, [TokenScope.READ])
    with pytest.raises(Forbidden, match="scope"):
        await harness.codes.issue(reader, harness.studio_id)
    await harness.stop()
    with pytest.raises(NotAllowedNow):
        await harness.codes.issue(harness.world.viewer, harness.studio_id)


async def test_a_session_whose_address_is_unknown_is_not_entered(harness: ConnectHarness) -> None:
    await harness.stop()
    await harness.run_session(None)
    with pytest.raises(NotAllowedNow):
        await harness.codes.issue(harness.world.viewer, harness.studio_id)
    login = await harness.sign_in(harness.world.secret)
    answer = await harness.visit(f"{harness.api}/connect/{harness.public_id}", login)
    assert (answer.status, answer.code) == (503, "STUDIO_STARTING")


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example", "/\\evil.example", "/%2f%2fevil.example", "/_sg/again?to=//e"])
async def test_no_link_makes_us_redirect_elsewhere(harness: ConnectHarness, to: str) -> None:
    login = await harness.sign_in(harness.world.secret)
    connected = await harness.visit(f"{harness.api}/connect/{harness.public_id}?to={quote(to, safe='')}", login)
    entered = await harness.visit(location(connected))
    assert location(entered) == "/"
    cookie = entered.cookies[0].partition(";")[0]
    again = await harness.visit(f"{harness.shell}/_sg/again?to={quote(to, safe='')}", cookie)
    assert location(again) == f"{harness.api}/connect/{harness.public_id}"
    unframed = await harness.visit(f"{harness.shell}/_sg/unframed?to={quote(to, safe='')}", cookie)
    assert location(unframed) == "/"
    fields = {"token": harness.world.secret, "studio": harness.public_id, "to": to}
    posted = await harness.ask(f"{harness.api}/login", "POST", data=fields, Origin=harness.api)
    assert location(posted) == f"/connect/{harness.public_id}"


@pytest.mark.parametrize("studio", ["//evil.example", "x", "../../evil", "0123456789ab/../x", ""])
async def test_a_login_for_a_studio_that_is_none_leads_to_our_own_page(harness: ConnectHarness, studio: str) -> None:
    fields = {"token": harness.world.secret, "studio": studio, "to": "//evil.example"}
    posted = await harness.ask(f"{harness.api}/login", "POST", data=fields, Origin=harness.api)
    assert location(posted) == "/login"


async def test_a_path_that_begins_with_two_slashes_is_refused(harness: ConnectHarness) -> None:
    for origin in (harness.origin, harness.shell):
        answer = await harness.visit(f"{origin}//evil.example/x")
        assert answer.status == 400
        assert "Location" not in answer.headers


async def test_a_wrong_token_is_told_so_and_sets_no_cookie(harness: ConnectHarness) -> None:
    answer = await harness.ask(f"{harness.api}/login", "POST", data={"token": "sgt_wrong"}, Origin=harness.api)
    assert answer.status == 401
    assert not answer.cookies
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://localhost", "own session"])
async def test_only_our_own_form_signs_in_or_out(harness: ConnectHarness, origin: str | None) -> None:
    headers = {"Origin": harness.origin if origin == "own session" else origin} if origin else {}
    for path in ("/login", "/logout"):
        answer = await harness.ask(f"{harness.api}{path}", "POST", data={"token": harness.world.secret}, **headers)
        assert answer.status == 403
        assert not answer.cookies


async def test_a_browser_that_sends_no_origin_says_same_origin_otherwise(harness: ConnectHarness) -> None:
    fields = {"token": harness.world.secret}
    answer = await harness.ask(f"{harness.api}/login", "POST", data=fields, Sec_Fetch_Site="same-origin")
    assert answer.status == 303


@pytest.mark.parametrize("form", [{"token": "x" * 9000}, {f"field{n}": "x" for n in range(21)}], ids=["long", "many fields"])
async def test_a_form_without_end_is_refused(harness: ConnectHarness, form: dict[str, str]) -> None:
    answer = await harness.ask(f"{harness.api}/login", "POST", data=form, Origin=harness.api)
    assert answer.status == 400


async def test_an_address_with_many_parameters_is_one_without_ours(harness: ConnectHarness) -> None:
    many = "&".join(["code=sgc_x", *(f"a{n}=" for n in range(50))])
    assert (await harness.visit(f"{harness.shell}/_sg/enter?{many}")).code == "BAD_CODE"
    assert (await harness.visit(f"{harness.api}/login?{many}")).status == 200


async def test_a_login_ends_with_its_token(harness: ConnectHarness) -> None:
    login = await harness.sign_in(harness.world.secret)
    assert location(await harness.visit(f"{harness.api}/connect/{harness.public_id}", login)).startswith(harness.shell)
    await harness.tokens.revoke_any(Operator(), harness.world.viewer.token_id)
    assert location(await harness.visit(f"{harness.api}/connect/{harness.public_id}", login)).startswith("/login")


async def test_signing_out_ends_the_login_and_what_came_from_it(harness: ConnectHarness) -> None:
    login = await harness.sign_in(harness.world.secret)
    shell, tool = await opened_with(harness, login)
    assert await answers(harness, shell, tool) == [200, 200]
    out = await harness.ask(f"{harness.api}/logout", "POST", cookie=login, Origin=harness.api)
    assert out.status == 200
    assert "Max-Age=0" in out.cookies[0]
    assert await answers(harness, shell, tool) == [401, 401]
    assert location(await harness.visit(f"{harness.api}/connect/{harness.public_id}", login)).startswith("/login")


async def opened_with(harness: ConnectHarness, login: str) -> tuple[str, str]:
    """The cookies of the shell and of the tool, in a browser with this login."""
    entered = await harness.visit(location(await harness.visit(f"{harness.api}/connect/{harness.public_id}", login)))
    shell = entered.cookies[0].partition(";")[0]
    granted = await harness.grant(await harness.tool_code(shell))
    return shell, granted.cookies[0].partition(";")[0]


async def answers(harness: ConnectHarness, shell: str, tool: str) -> list[int]:
    """The statuses with which the shell's origin and the tool's answer these cookies."""
    return [(await harness.ask(f"{harness.shell}/_sg/state", cookie=shell)).status, (await harness.ask("/", cookie=tool)).status]


async def signed_in_session(harness: ConnectHarness) -> tuple[str, str]:
    """The cookies of a login, and of the tool of a session that was opened with it."""
    login = await harness.sign_in(harness.world.secret)
    return login, (await opened_with(harness, login))[1]


async def test_signing_in_again_with_the_same_token_ends_nothing_and_signing_out_then_ends_all(harness: ConnectHarness) -> None:
    login, session = await signed_in_session(harness)
    again = await harness.ask(f"{harness.api}/login", "POST", cookie=login, data={"token": harness.world.secret}, Origin=harness.api)
    renewed = again.cookies[0].partition(";")[0]
    assert renewed != login
    assert (await harness.ask("/", cookie=session)).status == 200
    assert location(await harness.visit(f"{harness.api}/connect/{harness.public_id}", login)).startswith("/login")
    await harness.ask(f"{harness.api}/logout", "POST", cookie=renewed, Origin=harness.api)
    assert (await harness.ask("/", cookie=session)).code == "UNAUTHENTICATED"


async def test_a_mistyped_token_ends_nothing(harness: ConnectHarness) -> None:
    login, session = await signed_in_session(harness)
    await harness.ask(f"{harness.api}/login", "POST", cookie=login, data={"token": "sgt_wrong"}, Origin=harness.api)
    assert (await harness.ask("/", cookie=session)).status == 200


async def test_signing_in_as_somebody_else_ends_what_the_former_opened(harness: ConnectHarness) -> None:
    login, session = await signed_in_session(harness)
    _, secret = await harness.newcomer()
    await harness.ask(f"{harness.api}/login", "POST", cookie=login, data={"token": secret}, Origin=harness.api)
    assert (await harness.ask("/", cookie=session)).code == "UNAUTHENTICATED"


async def test_the_signed_in_page_says_who_and_lets_sign_out(harness: ConnectHarness) -> None:
    login = await harness.sign_in(harness.world.secret)
    page = await harness.visit(f"{harness.api}/login", login)
    assert "ada" in page.text
    assert 'action="/logout"' in page.text


@pytest.mark.parametrize("fetched", [{"Sec_Fetch_Dest": "iframe"}, {"Sec_Fetch_Dest": "empty", "Sec_Fetch_Mode": "no-cors"}])
async def test_no_page_may_fetch_or_frame_the_way_in(harness: ConnectHarness, fetched: dict[str, str]) -> None:
    login = await harness.sign_in(harness.world.secret)
    answer = await harness.ask(f"{harness.api}/connect/{harness.public_id}", cookie=login, **fetched)
    assert (answer.status, answer.code) == (403, "CROSS_ORIGIN")
    assert answer.headers["X-Frame-Options"] == "DENY"


async def test_another_name_of_this_server_leads_to_the_apis_own(harness: ConnectHarness) -> None:
    answer = await harness.visit(f"http://127.0.0.1:{harness.port}/connect/{harness.public_id}?to=/x")
    assert location(answer) == f"{harness.api}/connect/{harness.public_id}?to=/x"


async def test_no_page_of_ours_on_a_session_origin_asks_for_anything(harness: ConnectHarness) -> None:
    for path in ("/login", "/connect/x", "/logout"):
        assert (await harness.ask(path)).code == "UNAUTHENTICATED"
