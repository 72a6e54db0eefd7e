"""The way in: login on the API's origin, one-time code, the session's cookie (B50, B51)."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from services.connections.connect_codes import BadCode
from services.domain.access import Role, TokenScope
from services.domain.errors import Forbidden, NotAllowedNow, NotFound
from services.domain.ids import new_public_id, secret_hash
from services.store.tables import core
from tests import factories
from tests.connect.world import House, location


@pytest.mark.behaviour("B51")
async def test_an_anonymous_visitor_signs_in_and_lands_in_the_session(any_house: House) -> None:
    house = any_house
    first = await house.visit("/lab/tree/a%20b?x=1")
    assert location(first).startswith(f"{house.api}/connect/{house.public_id}?to=")
    second = await house.visit(location(first))
    assert location(second).startswith(f"/login?studio={house.public_id}&to=")
    form = await house.visit(f"{house.api}{location(second)}")
    assert form.status == 200
    assert 'value="/lab/tree/a%20b?x=1"' in form.text
    fields = {"token": house.world.secret, "studio": house.public_id, "to": "/lab/tree/a%20b?x=1"}
    signed_in = await house.ask(f"{house.api}/login", "POST", data=fields, Origin=house.api)
    login = signed_in.cookies[0].partition(";")[0]
    third = await house.visit(f"{house.api}{location(signed_in)}", login)
    assert location(third).startswith(f"{house.origin}/_sg/enter?code=sgc_")
    entered = await house.visit(location(third))
    session = entered.cookies[0].partition(";")[0]
    assert location(entered) == "/_sg/?to=/lab/tree/a%2520b%3Fx%3D1"
    shell = await house.visit(f"{house.origin}{location(entered)}", session)
    assert shell.status == 200
    assert 'src="/lab/tree/a%20b?x=1"' in shell.text


@pytest.mark.behaviour("B50")
async def test_a_program_comes_in_by_the_code_of_connect_studio(house: House) -> None:
    cookie = await house.enter()
    answer = await house.ask("/", cookie=cookie)
    assert (answer.status, answer.text) == (200, "tiny")


async def test_the_code_exchange_is_neither_cached_nor_told_on(house: House) -> None:
    url, _ = await house.codes.issue(house.world.viewer, house.studio_id)
    answer = await house.visit(url)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_the_cookies_are_host_only_and_hidden_from_scripts_and_other_sites(house: House) -> None:
    url, _ = await house.codes.issue(house.world.viewer, house.studio_id)
    session = (await house.visit(url)).cookies[0]
    fields = {"token": house.world.secret}
    login = (await house.ask(f"{house.api}/login", "POST", data=fields, Origin=house.api)).cookies[0]
    for cookie in (session, login):
        assert "HttpOnly; SameSite=Lax" in cookie
        assert "domain" not in cookie.lower()
        assert house.world.installation_id[:8] in cookie.partition("=")[0]
    assert "Max-Age=43200" in login


async def test_a_code_works_once(house: House) -> None:
    url, expires_at = await house.codes.issue(house.world.viewer, house.studio_id)
    assert timedelta(seconds=55) < expires_at - datetime.now(UTC) <= timedelta(seconds=60)
    assert (await house.visit(url)).status == 303
    again = await house.visit(url)
    assert again.status == 403
    assert again.code == "BAD_CODE"
    assert not again.cookies
    assert f"{house.api}/connect/{house.public_id}" in again.text


async def test_a_used_code_in_a_reloaded_tab_leads_to_the_shell(house: House) -> None:
    url, _ = await house.codes.issue(house.world.viewer, house.studio_id)
    cookie = (await house.visit(url)).cookies[0].partition(";")[0]
    assert location(await house.visit(url, cookie)) == "/_sg/"


async def test_a_code_works_on_its_own_origin_only(house: House) -> None:
    url, _ = await house.codes.issue(house.world.viewer, house.studio_id)
    code = url.partition("code=")[2]
    elsewhere = house.addresses.session_origin(new_public_id())
    assert (await house.visit(f"{elsewhere}/_sg/enter?code={code}")).status == 403
    assert (await house.visit(url)).status == 303


async def test_a_code_lives_sixty_seconds(house: House) -> None:
    url, _ = await house.codes.issue(house.world.viewer, house.studio_id)
    code = url.partition("code=")[2]
    async with house.database.write() as transaction:
        past = transaction.now - timedelta(milliseconds=1)
        row = core.connect_code.c.hash == secret_hash(code)
        await transaction.execute(update(core.connect_code).where(row).values(expires_at=past))
    with pytest.raises(BadCode):
        await house.codes.redeem(code, house.origin)


async def test_two_who_use_a_code_at_once_are_not_both_let_in(any_house: House) -> None:
    house = any_house
    url, _ = await house.codes.issue(house.world.viewer, house.studio_id)
    import asyncio

    answers = await asyncio.gather(*(house.visit(url) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [303, *[403] * 7]


@pytest.mark.parametrize("code", ["", "x", "sgc_" + "x" * 200, "ä"])
async def test_a_code_that_is_none_gets_the_same_page(house: House, code: str) -> None:
    answer = await house.visit(f"/_sg/enter?code={code.encode().hex() if not code.isascii() else code}")
    assert (answer.status, answer.code) == (403, "BAD_CODE")


@pytest.mark.behaviour("B51", "B92")
async def test_a_code_is_refused_as_the_viewer_may_know(house: House) -> None:
    stranger, _ = await factories.create_token(house.database, await factories.create_user(house.database))
    with pytest.raises(NotFound):
        await house.codes.issue(stranger, house.studio_id)
    with pytest.raises(NotFound):
        await house.codes.issue(house.world.viewer, "0" * 32)
    viewer, _ = await house.newcomer(Role.VIEW)
    with pytest.raises(Forbidden, match="CONNECT"):
        await house.codes.issue(viewer, house.studio_id)
    reader, _ = await factories.create_token(house.database, house.world.user_id, [TokenScope.READ])
    with pytest.raises(Forbidden, match="scope"):
        await house.codes.issue(reader, house.studio_id)
    await house.stop()
    with pytest.raises(NotAllowedNow):
        await house.codes.issue(house.world.viewer, house.studio_id)


async def test_a_session_whose_address_is_unknown_is_not_entered(house: House) -> None:
    await house.stop()
    await house.run_session(None)
    with pytest.raises(NotAllowedNow):
        await house.codes.issue(house.world.viewer, house.studio_id)
    login = await house.sign_in(house.world.secret)
    answer = await house.visit(f"{house.api}/connect/{house.public_id}", login)
    assert (answer.status, answer.code) == (503, "STUDIO_STARTING")


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example", "/\\evil.example", "/%2f%2fevil.example", "/_sg/again?to=//e"])
async def test_no_link_makes_us_redirect_elsewhere(house: House, to: str) -> None:
    from urllib.parse import quote

    login = await house.sign_in(house.world.secret)
    connected = await house.visit(f"{house.api}/connect/{house.public_id}?to={quote(to, safe='')}", login)
    entered = await house.visit(location(connected))
    assert location(entered) == "/_sg/"
    cookie = entered.cookies[0].partition(";")[0]
    again = await house.visit(f"/_sg/again?to={quote(to, safe='')}", cookie)
    assert location(again) == f"{house.api}/connect/{house.public_id}"
    fields = {"token": house.world.secret, "studio": house.public_id, "to": to}
    posted = await house.ask(f"{house.api}/login", "POST", data=fields, Origin=house.api)
    assert location(posted) == f"/connect/{house.public_id}"


@pytest.mark.parametrize("studio", ["//evil.example", "x", "../../evil", "0123456789ab/../x", ""])
async def test_a_login_for_a_studio_that_is_none_leads_to_our_own_page(house: House, studio: str) -> None:
    fields = {"token": house.world.secret, "studio": studio, "to": "//evil.example"}
    posted = await house.ask(f"{house.api}/login", "POST", data=fields, Origin=house.api)
    assert location(posted) == "/login"


async def test_a_path_that_begins_with_two_slashes_is_refused(house: House) -> None:
    answer = await house.visit("//evil.example/x")
    assert answer.status == 400
    assert "Location" not in answer.headers


async def test_a_wrong_token_is_told_so_and_sets_no_cookie(house: House) -> None:
    answer = await house.ask(f"{house.api}/login", "POST", data={"token": "sgt_wrong"}, Origin=house.api)
    assert answer.status == 401
    assert not answer.cookies
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://localhost", "own session"])
async def test_only_our_own_form_signs_in_or_out(house: House, origin: str | None) -> None:
    headers = {"Origin": house.origin if origin == "own session" else origin} if origin else {}
    for path in ("/login", "/logout"):
        answer = await house.ask(f"{house.api}{path}", "POST", data={"token": house.world.secret}, **headers)
        assert answer.status == 403
        assert not answer.cookies


async def test_a_browser_that_sends_no_origin_says_same_origin_otherwise(house: House) -> None:
    fields = {"token": house.world.secret}
    answer = await house.ask(f"{house.api}/login", "POST", data=fields, Sec_Fetch_Site="same-origin")
    assert answer.status == 303


@pytest.mark.parametrize("form", [{"token": "x" * 9000}, {f"field{n}": "x" for n in range(21)}], ids=["long", "many fields"])
async def test_a_form_without_end_is_refused(house: House, form: dict[str, str]) -> None:
    answer = await house.ask(f"{house.api}/login", "POST", data=form, Origin=house.api)
    assert answer.status == 400


async def test_an_address_with_many_parameters_is_one_without_ours(house: House) -> None:
    many = "&".join(["code=sgc_x", *(f"a{n}=" for n in range(50))])
    assert (await house.visit(f"/_sg/enter?{many}")).code == "BAD_CODE"
    assert (await house.visit(f"{house.api}/login?{many}")).status == 200


async def test_a_login_ends_with_its_token(house: House) -> None:
    login = await house.sign_in(house.world.secret)
    assert location(await house.visit(f"{house.api}/connect/{house.public_id}", login)).startswith(house.origin)
    await house.tokens.revoke_any(house.world.viewer.token_id)
    assert location(await house.visit(f"{house.api}/connect/{house.public_id}", login)).startswith("/login")


async def test_signing_out_ends_the_login_and_what_came_from_it(house: House) -> None:
    login = await house.sign_in(house.world.secret)
    entered = await house.visit(location(await house.visit(f"{house.api}/connect/{house.public_id}", login)))
    session = entered.cookies[0].partition(";")[0]
    assert (await house.ask("/", cookie=session)).status == 200
    out = await house.ask(f"{house.api}/logout", "POST", cookie=login, Origin=house.api)
    assert out.status == 200
    assert "Max-Age=0" in out.cookies[0]
    assert (await house.ask("/", cookie=session)).code == "UNAUTHENTICATED"
    assert location(await house.visit(f"{house.api}/connect/{house.public_id}", login)).startswith("/login")


async def signed_in_session(house: House) -> tuple[str, str]:
    """The cookies of a login, and of a session that was opened with it."""
    login = await house.sign_in(house.world.secret)
    entered = await house.visit(location(await house.visit(f"{house.api}/connect/{house.public_id}", login)))
    return login, entered.cookies[0].partition(";")[0]


async def test_signing_in_again_with_the_same_token_ends_nothing_and_signing_out_then_ends_all(house: House) -> None:
    login, session = await signed_in_session(house)
    again = await house.ask(f"{house.api}/login", "POST", cookie=login, data={"token": house.world.secret}, Origin=house.api)
    renewed = again.cookies[0].partition(";")[0]
    assert renewed != login
    assert (await house.ask("/", cookie=session)).status == 200
    assert location(await house.visit(f"{house.api}/connect/{house.public_id}", login)).startswith("/login")
    await house.ask(f"{house.api}/logout", "POST", cookie=renewed, Origin=house.api)
    assert (await house.ask("/", cookie=session)).code == "UNAUTHENTICATED"


async def test_a_mistyped_token_ends_nothing(house: House) -> None:
    login, session = await signed_in_session(house)
    await house.ask(f"{house.api}/login", "POST", cookie=login, data={"token": "sgt_wrong"}, Origin=house.api)
    assert (await house.ask("/", cookie=session)).status == 200


async def test_signing_in_as_somebody_else_ends_what_the_former_opened(house: House) -> None:
    login, session = await signed_in_session(house)
    _, secret = await house.newcomer()
    await house.ask(f"{house.api}/login", "POST", cookie=login, data={"token": secret}, Origin=house.api)
    assert (await house.ask("/", cookie=session)).code == "UNAUTHENTICATED"


async def test_the_signed_in_page_says_who_and_lets_sign_out(house: House) -> None:
    login = await house.sign_in(house.world.secret)
    page = await house.visit(f"{house.api}/login", login)
    assert "ada" in page.text
    assert 'action="/logout"' in page.text


@pytest.mark.parametrize("fetched", [{"Sec_Fetch_Dest": "iframe"}, {"Sec_Fetch_Dest": "empty", "Sec_Fetch_Mode": "no-cors"}])
async def test_no_page_may_fetch_or_frame_the_way_in(house: House, fetched: dict[str, str]) -> None:
    login = await house.sign_in(house.world.secret)
    answer = await house.ask(f"{house.api}/connect/{house.public_id}", cookie=login, **fetched)
    assert (answer.status, answer.code) == (403, "CROSS_ORIGIN")
    assert answer.headers["X-Frame-Options"] == "DENY"


async def test_another_name_of_this_server_leads_to_the_apis_own(house: House) -> None:
    answer = await house.visit(f"http://127.0.0.1:{house.port}/connect/{house.public_id}?to=/x")
    assert location(answer) == f"{house.api}/connect/{house.public_id}?to=/x"


async def test_no_page_of_ours_on_a_session_origin_asks_for_anything(house: House) -> None:
    for path in ("/login", "/connect/x", "/logout"):
        assert (await house.ask(path)).code == "UNAUTHENTICATED"
