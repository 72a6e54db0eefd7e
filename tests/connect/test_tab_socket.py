"""A tab's socket: who is here, what happens, and the way back (B52, B53, B56 to B59)."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import WSMsgType

from services.compute.protocol import Upstream
from services.domain.access import Role
from services.domain.actor import Actor
from services.domain.events import Kind, NewEvent
from services.identity.members import Membership
from services.store import outbox
from services.store.db.database import Database
from tests.connect.world import House, end_tool, open_silently, soon, until
from tests.connect.world import house as opened


@dataclass(slots=True)
class Tab:
    """The script's side of the socket."""

    socket: Any

    async def next(self) -> dict[str, Any]:
        message = await soon(self.socket.receive())
        assert message.type is WSMsgType.TEXT, message
        told: dict[str, Any] = json.loads(message.data)
        return told

    async def told(self, kind: str) -> dict[str, Any]:
        """The next frame of that kind."""
        while (frame := await self.next())["type"] != kind:
            pass
        return frame

    async def sees(self, *names: str) -> None:
        """Wait until these are shown as connected."""
        while [person["name"] for person in (await self.told("people"))["people"]] != list(names):
            pass

    async def closed(self) -> int:
        while (message := await soon(self.socket.receive())).type is WSMsgType.TEXT:
            pass
        assert message.type in {WSMsgType.CLOSE, WSMsgType.CLOSED}
        return int(message.data or 1006)


@asynccontextmanager
async def tab(house: House, cookie: str) -> AsyncIterator[Tab]:
    async with house.socket("/_sg/live", cookie) as socket:
        yield Tab(socket)


async def changes(house: House) -> list[str]:
    """Who joined and left, in order."""
    return [f"{event['user_name']} {event['change']}" for event in await house.events(Kind.CONNECTED_USERS)]


@pytest.mark.behaviour("B52", "B53")
async def test_a_tab_counts_its_user_as_connected_until_it_closes(any_house: House) -> None:
    house = any_house
    began = time.monotonic()
    async with tab(house, await house.enter()) as one:
        opened = await one.told("open")
        assert [(person["name"], person["tabs"]) for person in opened["people"]] == [("Ada", 1)]
        assert await changes(house) == ["ada joined"]
        assert time.monotonic() - began < 1
    began = time.monotonic()
    await until(lambda: is_alone(house))
    assert time.monotonic() - began < 2
    assert await changes(house) == ["ada joined", "ada left"]


async def is_alone(house: House) -> bool:
    return not await house.presence.people(house.studio_id)


@pytest.mark.behaviour("B52", "B53")
async def test_two_tabs_of_one_user_join_once_and_leave_once(any_house: House) -> None:
    house = any_house
    cookie = await house.enter()
    async with tab(house, cookie) as first:
        await first.told("open")
        async with tab(house, cookie) as second:
            opened = await second.told("open")
            assert opened["people"][0]["tabs"] == 2
        assert await changes(house) == ["ada joined"]
    await until(lambda: is_alone(house))
    assert await changes(house) == ["ada joined", "ada left"]


@pytest.mark.behaviour("B53")
async def test_a_tab_that_falls_silent_is_counted_out(sqlite_database: Database, tool: Upstream) -> None:
    async with opened(sqlite_database, tool, ping=0.2) as house:
        _, writer = await open_silently(house, "/_sg/live", await house.enter())
        await until(lambda: is_log(house, ["ada joined"]))
        await until(lambda: is_log(house, ["ada joined", "ada left"]))
        writer.close()


async def is_log(house: House, log: list[str]) -> bool:
    return await changes(house) == log


@pytest.mark.behaviour("B52", "B54")
async def test_everybody_sees_who_comes_and_goes(house: House) -> None:
    viewer, _ = await house.newcomer(name="grace")
    async with tab(house, await house.enter()) as ada:
        await ada.told("open")
        async with tab(house, await house.enter(viewer)) as grace:
            await grace.told("open")
            await ada.sees("Ada", "Grace")
        await ada.sees("Ada")


@pytest.mark.behaviour("B56", "B57", "B58")
async def test_a_stop_is_told_with_code_reason_and_actor_and_the_tab_returns(any_house: House, tool: Upstream) -> None:
    house = any_house
    async with tab(house, await house.enter()) as one:
        await one.told("open")
        began = time.monotonic()
        await house.stop("Stopped for the night.")
        told = await one.told("end")
        assert time.monotonic() - began < 2
        assert (told["code"], told["reason"], told["who"], told["returns"]) == ("STUDIO_STOPPED", "Stopped for the night.", "ada", True)
        await until(lambda: is_alone(house))
        await house.begin_session(tool)
        assert (await one.told("end"))["code"] == "STUDIO_STARTING"
        await house.session_is_ready()
        await one.told("ready")


@pytest.mark.behaviour("B58")
async def test_a_tab_that_opens_after_the_end_waits_too(house: House, tool: Upstream) -> None:
    cookie = await house.enter()
    await house.stop()
    async with tab(house, cookie) as one:
        assert (await one.told("end"))["returns"] is True
        await house.run_session(tool)
        await one.told("ready")


@pytest.mark.behaviour("B59")
async def test_a_lost_right_is_told_and_closes_the_tab(house: House) -> None:
    viewer, _ = await house.newcomer()
    async with tab(house, await house.enter(viewer)) as one:
        await one.told("open")
        began = time.monotonic()
        await house.members.update(house.world.viewer, Membership(house.world.workspace_id, viewer.user_id), Role.VIEW)
        told = await one.told("end")
        assert (told["code"], told["returns"]) == ("ACCESS_REVOKED", False)
        assert await one.closed() == 4407
        assert time.monotonic() - began < 2
    await until(lambda: is_alone(house))


@pytest.mark.behaviour("B59")
async def test_a_waiting_tab_whose_right_is_lost_waits_no_longer(house: House) -> None:
    viewer, _ = await house.newcomer()
    async with tab(house, await house.enter(viewer)) as one:
        await one.told("open")
        await house.stop()
        await one.told("end")
        await house.tokens.revoke_any(viewer.token_id)
        assert (await one.told("end"))["code"] == "ACCESS_REVOKED"
        assert await one.closed() == 4407


@pytest.mark.behaviour("B57")
async def test_a_planned_disruption_is_warned_of(house: House) -> None:
    async with tab(house, await house.enter()) as one:
        await one.told("open")
        payload = {"code": "LIFESPAN_EXPIRED", "reason": "The lifespan ends soon.", "at": "2030-01-01T00:00:00Z", "session_number": 1}
        event = NewEvent(Kind.DISRUPTION_WARNING, Actor.system("lifespan"), payload, house.studio_id, "Penguins")
        async with house.database.write() as transaction:
            await outbox.append(transaction, house.world.workspace_id, [event])
        warning = await one.told("warning")
        assert (warning["reason"], warning["at"]) == ("The lifespan ends soon.", "2030-01-01T00:00:00Z")


@pytest.mark.behaviour("B57")
async def test_a_tool_that_is_unreachable_is_told_to_the_tabs(mortal_house: House) -> None:
    house = mortal_house
    cookie = await house.enter()
    async with tab(house, cookie) as one:
        await one.told("open")
        await end_tool(house, cookie)
        await house.ask("/", cookie=cookie)
        assert (await one.told("fault"))["code"] == "TOOL_UNREACHABLE"


async def test_without_a_cookie_the_tab_is_told_to_enter_anew(house: House) -> None:
    async with house.socket("/_sg/live") as socket:
        assert (await soon(socket.receive())).data == 4401


async def test_another_page_cannot_be_a_tab(house: House) -> None:
    import aiohttp

    cookie = await house.enter()
    with pytest.raises(aiohttp.WSServerHandshakeError):
        async with house.socket("/_sg/live", cookie, origin="http://evil.example"):
            pass


async def test_a_tab_that_sends_what_no_tab_sends_is_let_go(house: House) -> None:
    async with tab(house, await house.enter()) as one:
        await one.told("open")
        await one.socket.send_str("x" * 5000)
        assert await one.closed()
    await until(lambda: is_alone(house))


async def test_fifty_tabs_that_come_and_go_leave_nobody_behind(house: House) -> None:
    cookies = [await house.enter((await house.newcomer())[0]) for _ in range(10)]

    async def come_and_go(cookie: str) -> None:
        async with tab(house, cookie) as one:
            await one.told("open")

    await asyncio.gather(*(come_and_go(cookie) for cookie in cookies for _ in range(5)))
    await until(lambda: is_alone(house))
    log = await house.events(Kind.CONNECTED_USERS)
    for user in {event["user_id"] for event in log}:
        said = [event["change"] for event in log if event["user_id"] == user]
        assert said == ["joined", "left"] * (len(said) // 2)


@pytest.mark.behaviour("B53")
async def test_a_tool_without_a_shell_counts_by_its_own_sockets(house: House) -> None:
    from sqlalchemy import update

    from services.store.tables import core

    async with house.database.write() as transaction:
        await transaction.execute(update(core.template).values(embeddable=False))
    async with house.socket("/ws", await house.enter()) as socket:
        await socket.send_str("here")
        await soon(socket.receive())
        assert await changes(house) == ["ada joined"]
    await until(lambda: is_alone(house))
