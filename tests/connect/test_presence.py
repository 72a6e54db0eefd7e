"""Rows of who is connected: no ghosts after a crash, none lost by a pause (B52, B53)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from services.connections.last_active import Activity
from services.connections.presence import NewConnection, Presence, PresenceTiming
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


class Place:
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
async def place(database: Database) -> Place:
    return await running_studio(database)


async def running_studio(database: Database) -> Place:
    world = await factories.create_world(database)
    studio_id = await factories.create_studio(database, world, "Penguins", status=StudioStatus.RUNNING, session_number=1)
    await factories.create_session(database, world, studio_id, number=1)
    return Place(database, world, studio_id)


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


async def test_a_user_joins_with_the_first_tab_and_leaves_with_the_last(place: Place) -> None:
    async with beating(place.database) as presence:
        before = await place.version()
        first, second = await presence.join(place.tab()), await presence.join(place.tab())
        assert [person.tabs for person in await presence.people(place.studio_id)] == [2]
        await presence.leave(first)
        assert await place.log() == ["joined"]
        await presence.leave(second)
        await presence.leave(second)
        assert await place.log() == ["joined", "left"]
        assert await place.version() > before


@pytest.mark.postgres
async def test_tabs_through_two_proxies_are_one_user(postgresql_url: str) -> None:
    place = await running_studio(Database(postgresql_url))
    async with beating(place.database, SLOW) as here, beating(place.database, SLOW) as there:
        first, second = await here.join(place.tab()), await there.join(place.tab())
        assert await place.log() == ["joined"]
        await here.leave(first)
        assert await place.log() == ["joined"]
        await there.leave(second)
        assert await place.log() == ["joined", "left"]
    await place.database.close()


@pytest.mark.behaviour("B53")
async def test_a_crashed_proxy_leaves_no_ghosts(place: Place) -> None:
    dead = Presence(place.database, QUICK)
    await dead.start()
    await dead.join(place.tab())
    await dead.join(place.tab())
    await crash(dead)
    async with beating(place.database):
        await eventually(lambda: is_log(place, ["joined", "left"]))
        assert await place.open_rows() == 0


async def is_log(place: Place, log: list[str]) -> bool:
    return await place.log() == log


@pytest.mark.postgres
async def test_a_proxy_that_beats_is_left_alone(postgresql_url: str) -> None:
    place = await running_studio(Database(postgresql_url))
    async with beating(place.database, BEATING) as one, beating(place.database, SLOW) as other:
        await one.join(place.tab())
        await backdate_heartbeat(place, one)
        await eventually(lambda: has_beaten_lately(place, one))
        await other.sweep()
        assert await place.log() == ["joined"]
        await one.stop_heartbeat()
        await backdate_heartbeat(place, one)
        await other.sweep()
        assert await place.log() == ["joined", "left"]
    await place.database.close()


async def backdate_heartbeat(place: Place, presence: Presence) -> None:
    """As if the proxy had been silent for longer than the limit."""
    async with place.database.write() as transaction:
        long_ago = transaction.now - SLOW.silent * 2
        proxy = core.proxy_instance
        await transaction.execute(update(proxy).where(proxy.c.id == presence.proxy_id).values(heartbeat_at=long_ago))


async def has_beaten_lately(place: Place, presence: Presence) -> bool:
    proxy = core.proxy_instance.c
    async with place.database.write() as transaction:
        beat_at = (await transaction.execute(select(proxy.heartbeat_at).where(proxy.id == presence.proxy_id))).scalar_one()
        return bool(transaction.now - beat_at < SLOW.silent)


async def test_a_proxy_that_was_thought_dead_takes_its_tabs_back(place: Place) -> None:
    async with beating(place.database, SLOW) as paused:
        connection = await paused.join(place.tab())
        sweeper = Presence(place.database, SLOW)
        await sweeper.sweep(everything=True)
        assert await place.log() == ["joined", "left"]
        await paused.beat()
        assert await place.log() == ["joined", "left", "joined"]
        await paused.leave(connection)
        assert await place.open_rows() == 0


async def test_a_leave_that_could_not_be_written_is_written_at_the_next_beat(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async with beating(place.database, SLOW) as presence:
        connection = await presence.join(place.tab())
        with monkeypatch.context() as broken:
            broken.setattr("services.store.connections.end", _database_is_away)
            with pytest.raises(ConnectionError):
                await presence.leave(connection)
        assert await place.log() == ["joined"]
        await presence.beat()
        assert await place.log() == ["joined", "left"]


async def _database_is_away(*_: Any) -> None:
    raise ConnectionError("away")


async def test_a_heart_survives_a_database_that_is_away(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async with beating(place.database) as presence:
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
        connection = await presence.join(place.tab())
        presence.touch(connection)
        await eventually(lambda: was_active(place))


async def was_active(place: Place) -> datetime | None:
    moment: datetime | None = (await place.session()).last_active_at
    return moment


async def test_a_session_that_is_over_cannot_be_joined(place: Place) -> None:
    async with beating(place.database) as presence:
        async with place.database.write() as transaction:
            await transaction.execute(update(core.studio).values(status=StudioStatus.STOPPING))
        with pytest.raises(NotAllowedNow):
            await presence.join(place.tab())
        assert await place.log() == []


async def test_an_orderly_end_ends_all_rows(place: Place) -> None:
    async with beating(place.database) as presence:
        await presence.join(place.tab())
    assert await place.log() == ["joined", "left"]


@pytest.mark.behaviour("B52")
async def test_activity_is_written_for_tab_and_session_and_moves_the_idle_limit(place: Place) -> None:
    async with place.database.write() as transaction:
        await transaction.execute(update(core.workspace).values(idle_minutes=30))
    async with beating(place.database) as presence:
        connection = await presence.join(place.tab())
        presence.touch(connection)
        await eventually(lambda: was_active(place))
        session = await place.session()
        assert session.idle_stops_at - session.last_active_at == timedelta(minutes=30)
        assert session.version == 2


async def test_activity_is_written_seldom(place: Place) -> None:
    activity = Activity(place.database, interval_seconds=3600)
    for _ in range(5):
        activity.session(place.studio_id, 1)
        await activity.flush()
    assert (await place.session()).version == 2
