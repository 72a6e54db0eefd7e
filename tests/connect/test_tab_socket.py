"""A tab's socket: who is here, what happens, and the way back (B52, B53, B56 to B59)."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import WSMsgType

from services.compute.protocol import Upstream
from services.domain.access import Operator, Role
from services.domain.actor import Actor
from services.domain.event_payloads import DisruptionPlanned
from services.domain.events import Kind
from services.domain.statuses import ConnectionErrorCode
from services.identity.requests import Membership, UpdateMemberRequest
from services.store import outbox
from services.store.db.database import Database
from services.studios.progress import Step
from tests.connect.world import ConnectHarness, end_tool, open_silently
from tests.connect.world import harness as opened
from tests.waiting import eventually, promised, soon


@dataclass(slots=True)
class TabClient:
    """The script's side of the socket."""

    socket: Any

    async def next(self) -> dict[str, Any]:
        message = await soon(self.socket.receive())
        assert message.type is WSMsgType.TEXT, message
        notified: dict[str, Any] = json.loads(message.data)
        return notified

    async def notified(self, kind: str) -> dict[str, Any]:
        """The next frame of that kind."""
        while (frame := await self.next())["type"] != kind:
            pass
        return frame

    async def sees(self, *names: str) -> None:
        """Wait until these are shown as connected."""
        while [person["name"] for person in (await self.notified("people"))["people"]] != list(names):
            pass

    async def closed(self) -> int:
        while (message := await soon(self.socket.receive())).type is WSMsgType.TEXT:
            pass
        assert message.type in {WSMsgType.CLOSE, WSMsgType.CLOSED}
        return int(message.data or 1006)


@asynccontextmanager
async def tab(harness: ConnectHarness, cookie: str) -> AsyncIterator[TabClient]:
    async with harness.live(cookie) as socket:
        yield TabClient(socket)


async def changes(harness: ConnectHarness) -> list[str]:
    """Who joined and left, in order."""
    return [f"{event['user_name']} {event['change']}" for event in await harness.events(Kind.CONNECTED_USERS)]


@pytest.mark.behaviour("B52", "B53")
async def test_a_tab_counts_its_user_as_connected_until_it_closes(any_harness: ConnectHarness) -> None:
    harness = any_harness
    began = time.monotonic()
    async with tab(harness, await harness.open_shell()) as one:
        opened = await one.notified("open")
        assert [(person["name"], person["tabs"]) for person in opened["people"]] == [("Ada", 1)]
        assert await changes(harness) == ["ada joined"]
        assert time.monotonic() - began < promised(1)
    began = time.monotonic()
    await eventually(lambda: is_alone(harness))
    assert time.monotonic() - began < promised(2)
    assert await changes(harness) == ["ada joined", "ada left"]


async def is_alone(harness: ConnectHarness) -> bool:
    return not await harness.presence.people(harness.studio_id)


@pytest.mark.behaviour("B52", "B53")
async def test_two_tabs_of_one_user_join_once_and_leave_once(any_harness: ConnectHarness) -> None:
    harness = any_harness
    cookie = await harness.open_shell()
    async with tab(harness, cookie) as first:
        await first.notified("open")
        async with tab(harness, cookie) as second:
            opened = await second.notified("open")
            assert opened["people"][0]["tabs"] == 2
        assert await changes(harness) == ["ada joined"]
    await eventually(lambda: is_alone(harness))
    assert await changes(harness) == ["ada joined", "ada left"]


@pytest.mark.behaviour("B53")
async def test_a_tab_that_falls_silent_is_counted_out(sqlite_database: Database, tool: Upstream) -> None:
    async with opened(sqlite_database, tool, ping=0.2) as harness:
        _, writer = await open_silently(harness, f"{harness.shell}/_sg/live", await harness.open_shell())
        await eventually(lambda: is_log(harness, ["ada joined"]))
        await eventually(lambda: is_log(harness, ["ada joined", "ada left"]))
        writer.close()


async def is_log(harness: ConnectHarness, log: list[str]) -> bool:
    return await changes(harness) == log


@pytest.mark.behaviour("B52", "B54")
async def test_everybody_sees_who_comes_and_goes(harness: ConnectHarness) -> None:
    viewer, _ = await harness.newcomer(name="grace")
    async with tab(harness, await harness.open_shell()) as ada:
        await ada.notified("open")
        async with tab(harness, await harness.open_shell(viewer)) as grace:
            await grace.notified("open")
            await ada.sees("Ada", "Grace")
        await ada.sees("Ada")


@pytest.mark.behaviour("B56", "B57", "B58")
async def test_a_stop_is_told_with_code_reason_and_actor_and_the_tab_returns(any_harness: ConnectHarness, tool: Upstream) -> None:
    harness = any_harness
    async with tab(harness, await harness.open_shell()) as one:
        await one.notified("open")
        began = time.monotonic()
        await harness.stop("Stopped for the night.")
        notified = await one.notified("end")
        assert time.monotonic() - began < promised(2)
        assert (notified["code"], notified["reason"], notified["who"], notified["returns"]) == (
            "STUDIO_STOPPED",
            "Stopped for the night.",
            "ada",
            True,
        )
        await eventually(lambda: is_alone(harness))
        await harness.begin_session(tool)
        assert (await one.notified("end"))["code"] == "STUDIO_STARTING"
        await harness.session_is_ready()
        await one.notified("ready")


@pytest.mark.behaviour("B84")
async def test_a_waiting_tab_is_told_what_the_start_does(harness: ConnectHarness, tool: Upstream) -> None:
    async with tab(harness, await harness.open_shell()) as one:
        await one.notified("open")
        await harness.stop()
        await harness.begin_session(tool)
        await harness.show_step(Step.TOOL, "Pulling the image")
        while (await one.notified("step"))["text"] != "Prepare the tool: Pulling the image":
            pass


@pytest.mark.behaviour("B58")
async def test_a_tab_that_opens_after_the_end_waits_too(harness: ConnectHarness, tool: Upstream) -> None:
    cookie = await harness.open_shell()
    await harness.stop()
    async with tab(harness, cookie) as one:
        assert (await one.notified("end"))["returns"] is True
        await harness.run_session(tool)
        await one.notified("ready")


@pytest.mark.behaviour("B59")
async def test_a_lost_right_is_told_and_closes_the_tab(harness: ConnectHarness) -> None:
    viewer, _ = await harness.newcomer()
    async with tab(harness, await harness.open_shell(viewer)) as one:
        await one.notified("open")
        began = time.monotonic()
        await harness.members.update(
            harness.world.viewer, UpdateMemberRequest(Membership(harness.world.workspace_id, viewer.user_id), Role.VIEW)
        )
        notified = await one.notified("end")
        assert (notified["code"], notified["returns"]) == ("ACCESS_REVOKED", False)
        assert await one.closed() == 4407
        assert time.monotonic() - began < promised(2)
    await eventually(lambda: is_alone(harness))


@pytest.mark.behaviour("B59")
async def test_a_waiting_tab_whose_right_is_lost_waits_no_longer(harness: ConnectHarness) -> None:
    viewer, _ = await harness.newcomer()
    async with tab(harness, await harness.open_shell(viewer)) as one:
        await one.notified("open")
        await harness.stop()
        await one.notified("end")
        await harness.tokens.revoke_any(Operator(), viewer.token_id)
        assert (await one.notified("end"))["code"] == "ACCESS_REVOKED"
        assert await one.closed() == 4407


@pytest.mark.behaviour("B57")
async def test_a_planned_disruption_is_warned_of(harness: ConnectHarness) -> None:
    async with tab(harness, await harness.open_shell()) as one:
        await one.notified("open")
        planned = DisruptionPlanned(ConnectionErrorCode.LIFESPAN_EXPIRED, "The lifespan ends soon.", datetime(2030, 1, 1, tzinfo=UTC), 1)
        event = planned.event(Actor.system("lifespan"), harness.studio_id, "Penguins")
        async with harness.database.write() as transaction:
            await outbox.append(transaction, harness.world.workspace_id, [event])
        warning = await one.notified("warning")
        assert (warning["reason"], warning["at"]) == ("The lifespan ends soon.", "2030-01-01T00:00:00+00:00")


@pytest.mark.behaviour("B57")
async def test_a_tool_that_is_unreachable_is_told_to_the_tabs(mortal_harness: ConnectHarness) -> None:
    harness = mortal_harness
    cookie = await harness.open_shell()
    async with tab(harness, cookie) as one:
        await one.notified("open")
        tools = await harness.enter()
        await end_tool(harness, tools)
        await harness.ask("/", cookie=tools)
        assert (await one.notified("fault"))["code"] == "TOOL_UNREACHABLE"


async def test_without_a_cookie_the_tab_is_told_to_enter_anew(harness: ConnectHarness) -> None:
    async with harness.live() as socket:
        assert (await soon(socket.receive())).data == 4401


async def test_another_page_cannot_be_a_tab(harness: ConnectHarness) -> None:
    import aiohttp

    cookie = await harness.open_shell()
    with pytest.raises(aiohttp.WSServerHandshakeError):
        async with harness.live(cookie, origin="http://evil.example"):
            pass


async def test_a_tab_that_sends_what_no_tab_sends_is_let_go(harness: ConnectHarness) -> None:
    async with tab(harness, await harness.open_shell()) as one:
        await one.notified("open")
        await one.socket.send_str("x" * 5000)
        assert await one.closed()
    await eventually(lambda: is_alone(harness))


async def test_fifty_tabs_that_come_and_go_leave_nobody_behind(harness: ConnectHarness) -> None:
    cookies = [await harness.open_shell((await harness.newcomer())[0]) for _ in range(10)]

    async def come_and_go(cookie: str) -> None:
        async with tab(harness, cookie) as one:
            await one.notified("open")

    await asyncio.gather(*(come_and_go(cookie) for cookie in cookies for _ in range(5)))
    await eventually(lambda: is_alone(harness))
    log = await harness.events(Kind.CONNECTED_USERS)
    for user in {event["user_id"] for event in log}:
        said = [event["change"] for event in log if event["user_id"] == user]
        assert said == ["joined", "left"] * (len(said) // 2)


@pytest.mark.behaviour("B53")
async def test_a_tool_without_a_shell_counts_by_its_own_sockets(harness: ConnectHarness) -> None:
    from sqlalchemy import update

    from services.store.tables import core

    async with harness.database.write() as transaction:
        await transaction.execute(update(core.template).values(embeddable=False))
    async with harness.socket("/ws", await harness.enter()) as socket:
        await socket.send_str("here")
        await soon(socket.receive())
        assert await changes(harness) == ["ada joined"]
    await eventually(lambda: is_alone(harness))
