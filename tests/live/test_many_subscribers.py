"""Issue 2, must show: 200 subscribers with 30 random disconnects each while Studios change state; and several processes on one database."""

import asyncio
from random import Random

import pytest

from services.domain.events import Cursor, Kind, LoggedEvent
from services.live.broker import Broker
from services.live.stream_items import EventFilter, Resync, StreamSettings
from services.store import log
from services.store.db.database import Database
from tests.factories import World, create_world
from tests.live.conftest import append, running, seqs, take_events
from tests.postgres import Cluster
from tests.waiting import soon

SUBSCRIBERS = 200
DISCONNECTS = 30
STUDIOS = [f"{number:032x}" for number in range(5)]
STATUS_KINDS = frozenset({Kind.STUDIO_STATUS})
MATCHES = (EventFilter(), EventFilter(STATUS_KINDS), *(EventFilter(STATUS_KINDS, studio_id) for studio_id in STUDIOS))


class Client:
    """Reads a few events, is cut off, comes back with its last cursor; as often as it is told, then once more to the end."""

    def __init__(self, broker: Broker, stream_id: str, random: Random) -> None:
        self.broker = broker
        self.stream_id = stream_id
        self.random = random
        self.event_filter = random.choice(MATCHES)
        self.history: list[LoggedEvent] = []

    async def come_and_go(self, start: Cursor) -> Cursor:
        cursor = start
        for _ in range(DISCONNECTS):
            cursor = await self.read(cursor, self.random.randint(0, 6))
        return cursor

    async def read(self, cursor: Cursor, number: int = 0, until: Cursor | None = None) -> Cursor:
        """Up to `number` events, cut off in the middle of whatever goes on; or up to the cursor."""
        async with self.broker.subscribe(self.stream_id, self.event_filter, cursor) as subscription:
            reading = asyncio.ensure_future(self._take(subscription, cursor, number, until))
            if until is None and self.random.random() < 0.5:
                await asyncio.sleep(self.random.random() * 0.02)
                reading.cancel()
            await asyncio.wait([reading])
        return self.history[-1].cursor if self.history else cursor

    async def _take(self, subscription: object, cursor: Cursor, number: int, until: Cursor | None) -> None:
        taken = 0
        async for item in subscription:  # type: ignore[attr-defined]
            assert not isinstance(item, Resync)
            if isinstance(item, LoggedEvent):
                self.history.append(item)
                taken += 1
            done = item.cursor.seq >= until.seq if until else taken >= number
            if done:
                return


async def the_log(database: Database, stream_id: str) -> list[LoggedEvent]:
    async with database.read() as reader:
        return list((await log.page(reader, stream_id, 0, 100_000)).events)


async def change_studios(database: Database, stream_id: str, random: Random, stop: asyncio.Event) -> None:
    """Changes of status one after the other, with other events in between, until told to stop."""
    while not stop.is_set():
        kinds = random.choices((Kind.STUDIO_STATUS, Kind.STUDIO_EDITED), (4, 1), k=random.randint(1, 4))
        await append(database, stream_id, *kinds, studio_id=random.choice(STUDIOS))
        await asyncio.sleep(random.random() * 0.01)


@pytest.mark.slow
@pytest.mark.behaviour("B83")
async def test_200_subscribers_with_30_disconnects_each_all_see_the_log_in_order(database: Database, world: World) -> None:
    random, stop = Random(2), asyncio.Event()
    async with running(database, StreamSettings(max_queued_events=16, page_size=32, heartbeat_seconds=0.2)) as live, asyncio.timeout(120):
        async with live.broker.subscribe(world.workspace_id) as first:
            start = first.start
        clients = [Client(live.broker, world.workspace_id, Random(random.random())) for _ in range(SUBSCRIBERS)]
        writing = asyncio.create_task(change_studios(database, world.workspace_id, random, stop))
        cursors = await asyncio.gather(*(client.come_and_go(start) for client in clients))
        stop.set()
        await writing
        written = await the_log(database, world.workspace_id)
        await asyncio.gather(*(client.read(cursor, until=written[-1].cursor) for client, cursor in zip(clients, cursors, strict=True)))
    assert seqs(written) == list(range(1, len(written) + 1))
    for client in clients:
        assert client.history == [event for event in written if client.event_filter.matches(event)]


@pytest.mark.postgres
@pytest.mark.behaviour("B83")
async def test_two_processes_see_each_others_events_in_the_same_order(postgresql_url: str) -> None:
    one, other = Database(postgresql_url), Database(postgresql_url)
    world = await create_world(one)
    settings = StreamSettings(poll_seconds=60)  # what arrives arrives by NOTIFY
    async with (
        running(one, settings) as here,
        running(other, settings) as there,
        here.broker.subscribe(world.workspace_id) as near,
        there.broker.subscribe(world.workspace_id) as far,
    ):
        kinds = (Kind.STUDIO_STATUS, Kind.STUDIO_EDITED)
        await asyncio.gather(*(append(database, world.workspace_id, *kinds) for database in (one, other) * 20))
        seen = await soon(take_events(near, 80)), await soon(take_events(far, 80))
    assert seen[0] == seen[1]
    assert seqs(seen[0]) == list(range(1, 81))
    await one.close()
    await other.close()


@pytest.mark.postgres
@pytest.mark.behaviour("B83")
async def test_when_the_connection_that_listens_is_killed_nothing_is_lost(postgresql_url: str, postgres_cluster: Cluster) -> None:
    one, other = Database(postgresql_url), Database(postgresql_url)
    world = await create_world(one)
    async with running(other, StreamSettings(poll_seconds=60)) as there, there.broker.subscribe(world.workspace_id) as far:
        await append(one, world.workspace_id, Kind.STUDIO_STATUS)
        assert seqs(await take_events(far, 1)) == [1]
        await postgres_cluster.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
        await append(one, world.workspace_id, Kind.STUDIO_STATUS, Kind.STUDIO_EDITED)
        assert seqs(await take_events(far, 2)) == [2, 3]
    await one.close()
    await other.close()


@pytest.mark.postgres
@pytest.mark.behaviour("B83")
async def test_when_the_database_drops_every_connection_subscribers_wait_and_lose_nothing(
    postgresql_url: str, postgres_cluster: Cluster
) -> None:
    one, other = Database(postgresql_url), Database(postgresql_url)
    world = await create_world(one)
    async with (
        running(other, StreamSettings(poll_seconds=0.2, max_queued_events=2, page_size=2)) as there,
        there.broker.subscribe(world.workspace_id) as far,
    ):
        for _ in range(5):
            await append(one, world.workspace_id, *[Kind.STUDIO_STATUS] * 4)
            await postgres_cluster.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'test_%'")
            await one.engine.dispose()
        assert seqs(await take_events(far, 20)) == list(range(1, 21))
    await one.close()
    await other.close()
