"""Rows of who is connected: no ghosts after a crash, none lost by a pause (B52, B53)."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from services.connections.last_active import Activity
from services.connections.presence import NewConnection, Presence, PresenceTiming
from services.connections.tab_count_events import MIN_INTERVAL_SECONDS
from services.domain.errors import NotAllowedNow
from services.domain.events import Kind
from services.domain.statuses import StudioStatus
from services.store.db.database import Database
from services.store.db.types import json_value
from services.store.tables import core
from tests import factories
from tests.factories import World
from tests.waiting import eventually

QUICK = PresenceTiming(heartbeat=0.05, silent=timedelta(seconds=0.5), activity=0)
BEATING = PresenceTiming(heartbeat=0.05, activity=0)
SLOW = PresenceTiming(heartbeat=3600, activity=0)


class RunningStudio:
    """A running Studio and its people."""

    def __init__(self, database: Database, world: World, studio_id: str) -> None:
        self.database, self.world, self.studio_id = database, world, studio_id

    def tab(self, user_id: str | None = None) -> NewConnection:
        viewer = self.world.viewer
        return NewConnection(
            self.world.workspace_id, self.studio_id, "Penguins", 1, user_id or viewer.user_id, viewer.user_name, viewer.token_id
        )

    async def log(self) -> list[str]:
        event = core.event.c
        async with self.database.read() as reader:
            rows = await reader.execute(select(event.payload).where(event.kind == Kind.CONNECTED_USERS.value).order_by(event.seq))
            return [json_value(row[0])["change"] for row in rows]

    async def count(self, kind: Kind) -> int:
        event = core.event.c
        async with self.database.read() as reader:
            return len((await reader.execute(select(event.seq).where(event.kind == kind.value))).all())

    async def is_announced(self) -> bool:
        """Whether the newest change of tabs has its event."""
        event, connection = core.event.c, core.connection.c
        async with self.database.read() as reader:
            announced = (await reader.execute(select(func.max(event.at)).where(event.kind == Kind.CONNECTED_TABS.value))).scalar_one()
            changed = (await reader.execute(select(func.max(connection.ended_at)))).scalar_one()
        return bool(announced and announced >= changed)

    async def open_rows(self) -> int:
        async with self.database.read() as reader:
            rows = await reader.execute(select(core.connection.c.id).where(core.connection.c.ended_at.is_(None)))
            return len(rows.all())

    async def session(self) -> Any:
        async with self.database.read() as reader:
            return (await reader.execute(select(core.session))).one()

    async def version(self) -> int:
        async with self.database.read() as reader:
            return int((await reader.execute(select(core.studio.c.version))).scalar_one())


@pytest.fixture
async def studio(database: Database) -> RunningStudio:
    return await running_studio(database)


async def running_studio(database: Database) -> RunningStudio:
    world = await factories.create_world(database)
    studio_id = await factories.create_studio(database, world, "Penguins", status=StudioStatus.RUNNING, session_number=1)
    await factories.create_session(database, world, studio_id, number=1)
    return RunningStudio(database, world, studio_id)


@asynccontextmanager
async def beating(database: Database, timing: PresenceTiming = QUICK) -> AsyncIterator[Presence]:
    presence = Presence(database, timing)
    await presence.start()
    try:
        yield presence
    finally:
        await presence.close()


async def crash(presence: Presence) -> None:
    """It ends as a killed process does: without a word."""
    await presence.stop_heartbeat()


async def test_a_user_joins_with_the_first_tab_and_leaves_with_the_last(studio: RunningStudio) -> None:
    async with beating(studio.database) as presence:
        before = await studio.version()
        first, second = await presence.join(studio.tab()), await presence.join(studio.tab())
        assert [person.tabs for person in await presence.people(studio.studio_id)] == [2]
        await presence.leave(first)
        assert await studio.log() == ["joined"]
        await presence.leave(second)
        await presence.leave(second)
        assert await studio.log() == ["joined", "left"]
        assert await studio.version() > before


@pytest.mark.behaviour("B52")
async def test_further_tabs_are_announced_in_few_events_the_last_of_which_follows_all(studio: RunningStudio) -> None:
    async with beating(studio.database, SLOW) as presence:
        await presence.join(studio.tab())
        began = time.monotonic()
        tabs = [await presence.join(studio.tab()) for _ in range(40)]
        for tab in tabs:
            await presence.leave(tab)
        assert await eventually(studio.is_announced)
        intervals = (time.monotonic() - began) / MIN_INTERVAL_SECONDS
        assert await studio.count(Kind.CONNECTED_TABS) <= intervals + 1
        assert await studio.log() == ["joined"]


@pytest.mark.postgres
async def test_tabs_through_two_proxies_are_one_user(postgresql_url: str) -> None:
    studio = await running_studio(Database(postgresql_url))
    async with beating(studio.database, SLOW) as here, beating(studio.database, SLOW) as there:
        first, second = await here.join(studio.tab()), await there.join(studio.tab())
        assert await studio.log() == ["joined"]
        await here.leave(first)
        assert await studio.log() == ["joined"]
        await there.leave(second)
        assert await studio.log() == ["joined", "left"]
    await studio.database.close()


@pytest.mark.behaviour("B53")
async def test_a_crashed_proxy_leaves_no_ghosts(studio: RunningStudio) -> None:
    dead = Presence(studio.database, QUICK)
    await dead.start()
    await dead.join(studio.tab())
    await dead.join(studio.tab())
    await crash(dead)
    async with beating(studio.database):
        await eventually(lambda: is_log(studio, ["joined", "left"]))
        assert await studio.open_rows() == 0


async def is_log(studio: RunningStudio, log: list[str]) -> bool:
    return await studio.log() == log


@pytest.mark.postgres
async def test_a_proxy_that_beats_is_left_alone(postgresql_url: str) -> None:
    studio = await running_studio(Database(postgresql_url))
    async with beating(studio.database, BEATING) as one, beating(studio.database, SLOW) as other:
        await one.join(studio.tab())
        await backdate_heartbeat(studio, one)
        await eventually(lambda: has_beaten_lately(studio, one))
        await other.sweep()
        assert await studio.log() == ["joined"]
        await one.stop_heartbeat()
        await backdate_heartbeat(studio, one)
        await other.sweep()
        assert await studio.log() == ["joined", "left"]
    await studio.database.close()


async def backdate_heartbeat(studio: RunningStudio, presence: Presence) -> None:
    """As if the proxy had been silent for longer than the limit."""
    async with studio.database.write() as transaction:
        long_ago = transaction.now - SLOW.silent * 2
        proxy = core.proxy_instance
        await transaction.execute(update(proxy).where(proxy.c.id == presence.proxy_id).values(heartbeat_at=long_ago))


async def has_beaten_lately(studio: RunningStudio, presence: Presence) -> bool:
    proxy = core.proxy_instance.c
    async with studio.database.write() as transaction:
        beat_at = (await transaction.execute(select(proxy.heartbeat_at).where(proxy.id == presence.proxy_id))).scalar_one()
        return bool(transaction.now - beat_at < SLOW.silent)


async def test_a_proxy_that_was_thought_dead_takes_its_tabs_back(studio: RunningStudio) -> None:
    async with beating(studio.database, SLOW) as paused:
        connection = await paused.join(studio.tab())
        sweeper = Presence(studio.database, SLOW)
        await sweeper.sweep(everything=True)
        assert await studio.log() == ["joined", "left"]
        await paused.beat()
        assert await studio.log() == ["joined", "left", "joined"]
        await paused.leave(connection)
        assert await studio.open_rows() == 0


async def test_a_leave_that_could_not_be_written_is_written_at_the_next_beat(
    studio: RunningStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with beating(studio.database, SLOW) as presence:
        connection = await presence.join(studio.tab())
        with monkeypatch.context() as broken:
            broken.setattr("services.store.connections.end", _database_is_away)
            with pytest.raises(ConnectionError):
                await presence.leave(connection)
        assert await studio.log() == ["joined"]
        await presence.beat()
        assert await studio.log() == ["joined", "left"]


async def _database_is_away(*_: Any) -> None:
    raise ConnectionError("away")


async def test_a_heart_survives_a_database_that_is_away(studio: RunningStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    async with beating(studio.database) as presence:
        with monkeypatch.context() as broken:
            beats = 0

            async def away(*_: Any) -> None:
                nonlocal beats
                beats += 1
                raise ConnectionError("away")

            async def has_beaten() -> bool:
                return beats > 2

            broken.setattr("services.store.connections.beat", away)
            await eventually(has_beaten)
        connection = await presence.join(studio.tab())
        presence.touch(connection)
        await eventually(lambda: was_active(studio))


async def was_active(studio: RunningStudio) -> datetime | None:
    moment: datetime | None = (await studio.session()).last_active_at
    return moment


async def test_a_session_that_is_over_cannot_be_joined(studio: RunningStudio) -> None:
    async with beating(studio.database) as presence:
        async with studio.database.write() as transaction:
            await transaction.execute(update(core.studio).values(status=StudioStatus.STOPPING))
        with pytest.raises(NotAllowedNow):
            await presence.join(studio.tab())
        assert await studio.log() == []


async def test_an_orderly_end_ends_all_rows(studio: RunningStudio) -> None:
    async with beating(studio.database) as presence:
        await presence.join(studio.tab())
    assert await studio.log() == ["joined", "left"]


@pytest.mark.behaviour("B52")
async def test_activity_is_written_for_tab_and_session_and_moves_the_idle_limit(studio: RunningStudio) -> None:
    async with studio.database.write() as transaction:
        await transaction.execute(update(core.workspace).values(idle_minutes=30))
    async with beating(studio.database) as presence:
        connection = await presence.join(studio.tab())
        presence.touch(connection)
        await eventually(lambda: was_active(studio))
        session = await studio.session()
        assert session.idle_stops_at - session.last_active_at == timedelta(minutes=30)
        assert session.version == 2


async def test_activity_is_written_seldom(studio: RunningStudio) -> None:
    activity = Activity(studio.database, interval_seconds=3600)
    for _ in range(5):
        activity.session(studio.studio_id, 1)
        await activity.flush()
    assert (await studio.session()).version == 2
