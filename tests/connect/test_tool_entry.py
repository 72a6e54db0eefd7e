"""How the shell gets its user the cookie of the tool's origin, out of sight of the tool's service workers (B51, B59)."""

import asyncio
import json
import time
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from services.compute.protocol import Upstream
from services.domain.access import Operator, Role
from services.domain.ids import new_public_id, secret_hash
from services.identity.requests import Membership, UpdateMemberRequest
from services.store.tables import core
from tests.connect.world import Answer, ConnectHarness, name_of
from tests.waiting import eventually, promised, soon


@pytest.fixture
async def shell(harness: ConnectHarness) -> str:
    """The cookie of the shell."""
    return await harness.open_shell()


@pytest.mark.behaviour("B51")
async def test_the_shell_of_a_user_gets_the_cookie_of_the_tool(any_harness: ConnectHarness) -> None:
    harness = any_harness
    granted = await harness.grant(await harness.tool_code(await harness.open_shell()))
    assert (granted.status, granted.body) == (200, b"")
    assert granted.headers["Access-Control-Allow-Origin"] == harness.shell
    assert granted.headers["Access-Control-Allow-Credentials"] == "true"
    assert granted.headers["Vary"] == "Origin"
    assert granted.headers["Cache-Control"] == "no-store"
    cookie = granted.cookies[0].partition(";")[0]
    assert (await harness.ask("/", cookie=cookie)).text == "tiny"


@pytest.mark.parametrize("page", ["tool", "api", "another session's shell", "another session's tool", "evil", "null", "longer"])
async def test_no_other_origin_is_granted_anything(harness: ConnectHarness, shell: str, page: str) -> None:
    elsewhere = new_public_id()
    origin = {
        "tool": harness.origin,
        "api": harness.api,
        "another session's shell": harness.addresses.shell_origin(elsewhere),
        "another session's tool": harness.addresses.tool_origin(elsewhere),
        "evil": "http://evil.example",
        "null": "null",
        "longer": f"{harness.shell}.evil.example",
    }[page]
    code = await harness.tool_code(shell)
    answer = await harness.grant(code, origin=origin)
    assert (answer.status, answer.code) == (403, "CROSS_ORIGIN")
    assert not answer.cookies
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    assert (await harness.grant(code)).cookies


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS"])
async def test_it_is_granted_by_post_alone(harness: ConnectHarness, shell: str, method: str) -> None:
    answer = await harness.ask("/_sg/grant", method, cookie=await harness.enter(), Origin=harness.shell)
    assert (answer.status, answer.code) == (403, "CROSS_ORIGIN")
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_a_value_is_granted_once(any_harness: ConnectHarness) -> None:
    harness = any_harness
    code = await harness.tool_code(await harness.open_shell())
    answers = await asyncio.gather(*(harness.grant(code) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [200, *[401] * 7]
    assert sum(len(answer.cookies) for answer in answers) == 1
    again = await harness.grant(code)
    assert (again.status, again.headers["Access-Control-Allow-Origin"]) == (401, harness.shell)


async def test_a_value_is_of_one_session_and_one_place(harness: ConnectHarness, shell: str) -> None:
    code, elsewhere = await harness.tool_code(shell), new_public_id()
    other = await harness.ask(
        f"{harness.addresses.tool_origin(elsewhere)}/_sg/grant",
        "POST",
        data=code,
        Origin=harness.addresses.shell_origin(elsewhere),
    )
    assert (other.status, other.cookies) == (401, [])
    assert (await harness.visit(f"{harness.shell}/_sg/enter?code={code}")).code == "BAD_CODE"
    assert (await harness.ask(f"/_sg/enter?code={code}")).code == "BAD_CODE"
    assert (await harness.grant(code)).cookies


async def test_a_value_lives_thirty_seconds(harness: ConnectHarness, shell: str) -> None:
    code = await harness.tool_code(shell)
    async with harness.database.write() as transaction:
        row = core.connect_code.c.hash == secret_hash(code)
        expires_at = (await transaction.execute(select(core.connect_code.c.expires_at).where(row))).scalar_one()
        assert timedelta(0) < expires_at - transaction.now <= timedelta(seconds=30)
        await transaction.execute(update(core.connect_code).where(row).values(expires_at=transaction.now - timedelta(milliseconds=1)))
    assert (await harness.grant(code)).status == 401


@pytest.mark.parametrize("body", ["sgc_x", "x" * 200, "\u00e4"])
async def test_what_is_no_value_is_refused(harness: ConnectHarness, body: str) -> None:
    answer = await harness.grant(body)
    assert answer.status in {400, 401}
    assert not answer.cookies


async def test_without_a_value_a_valid_cookie_is_renewed(harness: ConnectHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = await harness.enter()
    fresh = await harness.grant(cookie=cookie)
    assert (fresh.status, fresh.cookies) == (200, [])
    monkeypatch.setattr("connect.session_grants.RENEW_SECONDS", -1)
    assert (await harness.grant(cookie=cookie)).cookies[0].startswith(name_of(cookie))
    assert (await harness.grant()).status == 401
    await harness.tokens.revoke_any(Operator(), harness.world.viewer.token_id)

    async def refused() -> Answer | None:
        answer = await harness.grant(cookie=cookie)
        return answer if answer.status == 401 else None

    assert not (await eventually(refused)).cookies


async def test_the_cookie_of_an_earlier_session_is_not_renewed(harness: ConnectHarness, tool: Upstream) -> None:
    cookie = await harness.enter()
    await harness.stop()
    await harness.run_session(tool)
    assert (await harness.grant(cookie=cookie)).code == "SESSION_CHANGED"


async def test_the_value_is_issued_to_who_may_use_the_session(harness: ConnectHarness) -> None:
    viewer, _ = await harness.newcomer()
    shell = await harness.open_shell(viewer)
    await harness.members.update(
        harness.world.viewer, UpdateMemberRequest(Membership(harness.world.workspace_id, viewer.user_id), Role.VIEW)
    )
    answer = await harness.ask(f"{harness.shell}/_sg/grant", "POST", cookie=shell, Origin=harness.shell)
    assert (answer.status, answer.code) == (403, "FORBIDDEN")
    nobody = await harness.ask(f"{harness.shell}/_sg/grant", "POST", Origin=harness.shell)
    assert (nobody.status, nobody.code) == (401, "UNAUTHENTICATED")


@pytest.mark.behaviour("B59")
async def test_a_revocation_ends_what_is_open_on_both_origins(any_harness: ConnectHarness) -> None:
    harness = any_harness
    viewer, _ = await harness.newcomer()
    shell = await harness.open_shell(viewer)
    unused = await harness.tool_code(shell)
    cookie = (await harness.grant(await harness.tool_code(shell))).cookies[0].partition(";")[0]
    async with harness.live(shell) as tab, harness.socket("/ws", cookie) as socket:
        assert json.loads((await soon(tab.receive())).data)["type"] == "open"
        began = time.monotonic()
        await harness.tokens.revoke_any(Operator(), viewer.token_id)
        assert (await soon(socket.receive())).data == 4407
        assert json.loads((await soon(tab.receive())).data)["code"] == "ACCESS_REVOKED"
        assert (await soon(tab.receive())).data == 4407
        assert time.monotonic() - began < promised(2)
    late = (await harness.grant(unused)).cookies[0].partition(";")[0]
    for url, held in (("/", cookie), ("/", late), (f"{harness.shell}/_sg/state", shell)):
        assert (await harness.ask(url, cookie=held)).code == "UNAUTHENTICATED"
