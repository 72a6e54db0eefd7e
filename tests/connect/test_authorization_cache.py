"""Who is let in, who is not, what they see, and how fast a lost right ends what is open (B51, B56, B57, B59, B92)."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import WSMsgType
from sqlalchemy import update

from services.domain.access import Operator, Role, TokenScope
from services.domain.ids import new_public_id
from services.domain.lifecycle import Trigger
from services.identity.requests import Membership, RemoveMemberRequest, UpdateMemberRequest
from services.store.tables import core
from tests import factories
from tests.connect.world import Answer, ConnectHarness, exchanges, location
from tests.waiting import WAIT_LIMIT_S, eventually, promised, soon


async def closing(socket: Any) -> tuple[int, str, float]:
    """Code and reason that a socket is closed with, and after how many seconds."""
    began = time.monotonic()
    async with asyncio.timeout(WAIT_LIMIT_S):
        while True:
            message = await socket.receive()
            if message.type is WSMsgType.CLOSE:
                return message.data, message.extra, time.monotonic() - began
            assert message.type in {WSMsgType.TEXT, WSMsgType.BINARY}, message


@pytest.mark.behaviour("B51")
async def test_who_has_no_cookie_is_sent_to_sign_in_and_programs_are_told(harness: ConnectHarness) -> None:
    answer = await harness.ask("/api/contents")
    assert (answer.status, answer.code) == (401, "UNAUTHENTICATED")
    assert answer.headers["Content-Type"].startswith("application/json")
    async with harness.socket("/ws") as socket:
        assert (await closing(socket))[0] == 4401


@pytest.mark.behaviour("B51", "B92")
async def test_a_stranger_sees_the_same_for_a_forbidden_and_an_absent_studio(any_harness: ConnectHarness) -> None:
    harness = any_harness
    _, secret = await factories.create_token(harness.database, await factories.create_user(harness.database))
    login = await harness.sign_in(secret)
    forbidden = await harness.visit(f"{harness.api}/connect/{harness.public_id}", login)
    nowhere = new_public_id()
    absent = await harness.visit(f"{harness.api}/connect/{nowhere}", login)
    assert forbidden.status == absent.status == 404
    assert forbidden.text.replace(harness.public_id, nowhere) == absent.text
    assert "Penguins" not in forbidden.text
    for address in (harness.addresses.session_url, harness.addresses.tool_origin):
        nobody = [await harness.visit(address(one)) for one in (harness.public_id, new_public_id())]
        assert [answer.status for answer in nobody] == [303, 303]


@pytest.mark.behaviour("B51")
async def test_a_member_without_the_role_gets_a_clear_page(harness: ConnectHarness) -> None:
    _, secret = await harness.newcomer(Role.VIEW)
    answer = await harness.visit(f"{harness.api}/connect/{harness.public_id}", await harness.sign_in(secret))
    assert (answer.status, answer.code) == (403, "FORBIDDEN")
    assert "role CONNECT" in answer.text


@pytest.mark.behaviour("B51")
async def test_a_token_without_the_scope_gets_a_clear_page(harness: ConnectHarness) -> None:
    _, secret = await factories.create_token(harness.database, harness.world.user_id, [TokenScope.READ, TokenScope.OPERATE])
    answer = await harness.visit(f"{harness.api}/connect/{harness.public_id}", await harness.sign_in(secret))
    assert (answer.status, answer.code) == (403, "FORBIDDEN")
    assert "scope CONNECT" in answer.text


@pytest.mark.behaviour("B58")
async def test_a_stopped_studio_says_who_stopped_it_and_how_to_go_on(any_harness: ConnectHarness) -> None:
    harness = any_harness
    cookie, login = await harness.enter(), await harness.sign_in(harness.world.secret)
    await harness.stop("Stopped for the night.")
    page = await eventually(lambda: stopped(harness, cookie))
    assert "Stopped for the night." in page.text
    assert "By ada" in page.text
    assert page.headers["Refresh"]
    program = await harness.ask("/api", cookie=cookie)
    assert (program.status, program.code) == (503, "STUDIO_STOPPED")
    assert program.headers["Retry-After"] == "5"
    async with harness.socket("/ws", cookie) as socket:
        code, reason, _ = await closing(socket)
        assert (code, reason) == (4410, "STUDIO_STOPPED: Stopped for the night.")
    at_the_api = await harness.visit(f"{harness.api}/connect/{harness.public_id}", login)
    assert at_the_api.code == "STUDIO_STOPPED"


async def stopped(harness: ConnectHarness, cookie: str) -> Answer | None:
    answer = await harness.visit("/lab", cookie)
    return answer if answer.code == "STUDIO_STOPPED" else None


@pytest.mark.behaviour("B58")
async def test_a_new_session_is_entered_anew(harness: ConnectHarness, tool: Any) -> None:
    cookie = await harness.enter()
    await harness.stop()
    await harness.run_session(tool)
    page = await eventually(lambda: redirected(harness, cookie))
    assert location(page) == f"{harness.api}/connect/{harness.public_id}?to=/lab"
    assert (await harness.ask("/", cookie=cookie)).code == "SESSION_CHANGED"


async def redirected(harness: ConnectHarness, cookie: str) -> Answer | None:
    answer = await harness.visit("/lab", cookie)
    return answer if answer.status == 303 else None


@pytest.mark.behaviour("B56", "B59")
async def test_a_stop_by_somebody_else_closes_sockets_and_downloads_with_the_code(any_harness: ConnectHarness) -> None:
    harness = any_harness
    cookie = await harness.enter()
    async with harness.socket("/ws", cookie) as socket:
        await socket.send_str("hello")
        assert (await soon(socket.receive())).data == "hello"
        download = asyncio.create_task(drained(harness, "/slow?chunks=1000&interval=0.05", cookie))
        await asyncio.sleep(0.2)
        await harness.stop()
        code, reason, took = await closing(socket)
        assert (code, reason.partition(":")[0]) == (4410, "STUDIO_STOPPED")
        assert took < promised(2)
        assert await soon(download, 2) is False


async def drained(harness: ConnectHarness, path: str, cookie: str) -> bool:
    """Whether the answer came to its end."""
    import aiohttp

    try:
        await harness.ask(path, cookie=cookie)
    except aiohttp.ClientError:
        return False
    return True


@pytest.mark.behaviour("B59", "B94")
async def test_a_revoked_token_closes_what_it_opened(any_harness: ConnectHarness) -> None:
    harness = any_harness
    viewer, _ = await harness.newcomer()
    cookie, other = await harness.enter(viewer), await harness.enter()
    async with harness.socket("/ws", cookie) as socket, harness.socket("/ws", other) as untouched:
        await harness.tokens.revoke_any(Operator(), viewer.token_id)
        code, _, took = await closing(socket)
        assert code == 4407
        assert took < promised(2)
        assert (await harness.ask("/", cookie=cookie)).code == "UNAUTHENTICATED"
        await untouched.send_str("still here")
        assert (await soon(untouched.receive())).data == "still here"


@pytest.mark.behaviour("B59")
async def test_a_lost_role_closes_what_is_open(any_harness: ConnectHarness) -> None:
    harness = any_harness
    viewer, _ = await harness.newcomer()
    cookie = await harness.enter(viewer)
    async with harness.socket("/ws", cookie) as socket:
        await harness.members.update(
            harness.world.viewer, UpdateMemberRequest(Membership(harness.world.workspace_id, viewer.user_id), Role.VIEW)
        )
        code, reason, took = await closing(socket)
        assert (code, reason.partition(":")[0]) == (4407, "ACCESS_REVOKED")
        assert took < promised(2)
    assert (await harness.ask("/", cookie=cookie)).code == "FORBIDDEN"


@pytest.mark.behaviour("B59")
async def test_a_removed_member_is_out_and_sees_nothing(harness: ConnectHarness) -> None:
    viewer, _ = await harness.newcomer()
    cookie = await harness.enter(viewer)
    async with harness.socket("/ws", cookie) as socket:
        await harness.members.remove(harness.world.viewer, RemoveMemberRequest(Membership(harness.world.workspace_id, viewer.user_id)))
        assert (await closing(socket))[0] == 4407
    assert (await harness.ask("/", cookie=cookie)).code == "NOT_FOUND"


@pytest.mark.behaviour("B59")
async def test_a_token_that_expires_closes_what_it_opened(harness: ConnectHarness) -> None:
    expires_at = datetime.now(UTC) + timedelta(seconds=1.5)
    viewer, _ = await factories.create_token(harness.database, harness.world.user_id, expires_at=expires_at)
    cookie = await harness.enter(viewer)
    async with harness.socket("/ws", cookie) as socket:
        code, _, _ = await closing(socket)
        assert code == 4407
        assert datetime.now(UTC) - expires_at < timedelta(seconds=promised(2))


async def test_what_no_event_tells_is_found_by_looking_again(sqlite_database: Any, tool: Any) -> None:
    from tests.connect.world import harness as opened

    async with opened(sqlite_database, tool, max_age=0.5) as harness:
        cookie = await harness.enter()
        async with harness.socket("/ws", cookie) as socket:
            async with harness.database.write() as transaction:
                revoke = update(core.token).where(core.token.c.id == harness.world.viewer.token_id)
                await transaction.execute(revoke.values(revoked_at=transaction.now))
            assert (await closing(socket))[0] == 4407


@pytest.mark.behaviour("B57")
async def test_an_exit_of_the_tool_is_told_by_its_own_code(harness: ConnectHarness) -> None:
    cookie = await harness.enter()
    async with harness.socket("/ws", cookie) as socket:
        await harness.stop("The tool ended by itself (exit code 3).", Trigger.EXITED)
        code, reason, _ = await closing(socket)
        assert (code, reason) == (4411, "STUDIO_ERRORED: The tool ended by itself (exit code 3).")


async def test_requests_of_one_who_is_known_cost_no_statement(harness: ConnectHarness) -> None:
    cookie = await harness.enter()
    await harness.ask("/", cookie=cookie)
    reads = 0
    original = harness.database.read

    def counting(*, reserved: bool = False) -> Any:
        nonlocal reads
        reads += 1
        return original(reserved=reserved)

    harness.database.read = counting  # type: ignore[method-assign]
    for _ in range(20):
        assert (await harness.ask("/", cookie=cookie)).status == 200
    assert reads == 0


@pytest.mark.behaviour("B58")
async def test_a_server_that_stops_ends_streams_with_a_code_that_says_it_returns(harness: ConnectHarness) -> None:
    cookie = await harness.enter()
    async with harness.socket("/ws", cookie) as socket, harness.live(await harness.open_shell()) as tab:
        assert json.loads((await soon(tab.receive())).data)["type"] == "open"
        download = asyncio.create_task(drained(harness, "/slow?chunks=1000&interval=0.05", cookie))
        await eventually(lambda: exchanges(harness, 2))
        await harness.connect.end_streams()
        assert (await closing(socket))[0] == 4503
        assert (await closing(tab))[0] == 4503
        assert await soon(download, 2) is False
    assert (await harness.ask("/", cookie=cookie)).code == "PROXY_RESTARTED"
