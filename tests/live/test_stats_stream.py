"""studioStats: the newest measurement, then each newer one, as long as the right lasts and the Studio is there."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import update

from schema.ids import encode
from services.domain.access import Role
from services.domain.events import Kind
from services.live.stream_items import StreamSettings
from services.store import stats
from services.store.db.database import Database
from services.store.stats import Measurement
from services.store.tables import core
from tests import factories
from tests.factories import World
from tests.live.access_changes import set_role
from tests.live.conftest import Live, running
from tests.live.watching import Refusal, Watcher, enter, log, watch
from tests.waiting import soon, until

pytestmark = pytest.mark.behaviour("B85")
STATS = "studioStats(studioId: $id) { cpu memoryBytes }"


async def run(database: Database, world: World) -> tuple[str, str]:
    """A running Studio and its session, by their ids."""
    studio_id = await factories.create_studio(database, world, status="RUNNING", session_number=1)
    return studio_id, await factories.create_session(database, world, studio_id)


async def measure(database: Database, *usages: tuple[str, float]) -> None:
    """As the sampler writes them: (session, cpu)."""
    async with database.write() as transaction:
        rows = [Measurement(session_id, transaction.now, cpu, 1000, None, None, None, None) for session_id, cpu in usages]
        await stats.write(transaction, rows)


async def read_on(watcher: Watcher) -> None:
    """Until it is refused: one frame may be on its way when a right is lost."""
    while True:
        await watcher.frame()


async def test_what_was_measured_comes_at_once_then_each_new_measurement(live: Live, world: World) -> None:
    studio_id, session_id = await run(live.database, world)
    await measure(live.database, (session_id, 0.5))
    async with watch(live, world.viewer, STATS, id=encode("Studio", studio_id)) as watcher:
        assert await watcher.frame() == {"cpu": 0.5, "memoryBytes": 1000}
        for cpu in (1.0, 1.25):
            await measure(live.database, (session_id, cpu))
            assert (await watcher.frame())["cpu"] == cpu


async def test_a_slow_reader_gets_the_newest_and_not_what_it_missed(live: Live, world: World) -> None:
    studio_id, session_id = await run(live.database, world)
    async with live.stats_feed.subscribe(studio_id) as slow, live.stats_feed.subscribe(studio_id) as quick:
        for cpu in (1.0, 2.0, 3.0):
            await measure(live.database, (session_id, cpu))
            assert (await soon(anext(quick))).cpu == cpu
        assert (await soon(anext(slow))).cpu == 3.0
        await measure(live.database, (session_id, 4.0))
        assert (await soon(anext(slow))).cpu == 4.0


async def test_it_waits_while_the_studio_does_not_run_and_goes_on_with_the_next_session(live: Live, world: World) -> None:
    database = live.database
    studio_id, session_id = await run(database, world)
    async with watch(live, world.viewer, STATS, id=encode("Studio", studio_id)) as watcher:
        await measure(database, (session_id, 1.0))
        assert (await watcher.frame())["cpu"] == 1.0
        waiting = asyncio.create_task(watcher.frame())
        await enter(database, world, studio_id, "RUNNING", "STOPPING")
        await measure(database, (session_id, 9.0))
        await enter(database, world, studio_id, "STOPPING", "STOPPED")
        again = await factories.create_session(database, world, studio_id, number=2)
        async with database.write() as transaction:
            await transaction.execute(update(core.studio).where(core.studio.c.id == studio_id).values(session_number=2, status="RUNNING"))
        await measure(database, (again, 2.0))
        assert (await soon(waiting))["cpu"] == 2.0


async def test_it_ends_when_the_studio_is_deleted(live: Live, world: World) -> None:
    studio_id = await factories.create_studio(live.database, world)
    async with watch(live, world.viewer, STATS, id=encode("Studio", studio_id)) as watcher:
        ends = asyncio.create_task(watcher.ends())
        await until(lambda: live.stats_feed.watched)
        async with live.database.write() as transaction:
            await transaction.execute(core.studio.delete().where(core.studio.c.id == studio_id))
        await log(live.database, world, studio_id, Kind.STUDIO_DELETED)
        assert await soon(ends)


@pytest.mark.behaviour("B59")
@pytest.mark.parametrize("measured", [True, False])
async def test_who_loses_the_right_is_told_whether_or_not_something_is_measured(live: Live, world: World, measured: bool) -> None:
    studio_id, session_id = await run(live.database, world)
    viewer, _ = await factories.create_viewer(live.database, world.workspace_id, Role.VIEW)
    async with watch(live, viewer, STATS, id=encode("Studio", studio_id)) as watcher:
        await measure(live.database, (session_id, 1.0))
        await watcher.frame()
        await set_role(live.database, world.workspace_id, viewer.user_id, None)
        if measured:
            await measure(live.database, (session_id, 2.0))
        with pytest.raises(Refusal) as refusal:
            await read_on(watcher)
        assert refusal.value.codes == ["FORBIDDEN"]


@pytest.mark.behaviour("B92")
async def test_a_stranger_cannot_tell_hidden_from_absent(live: Live, world: World) -> None:
    studio_id, session_id = await run(live.database, world)
    await measure(live.database, (session_id, 1.0))
    stranger, _ = await factories.create_token(live.database, await factories.create_user(live.database))
    answers = []
    for row_id in (studio_id, "0" * 32):
        async with watch(live, stranger, STATS, id=encode("Studio", row_id)) as watcher:
            with pytest.raises(Refusal) as refusal:
                await watcher.frame()
        answers.append((refusal.value.codes, refusal.value.messages))
    assert answers[0] == answers[1]
    assert answers[0][0] == ["NOT_FOUND"]


async def test_a_round_is_read_once_for_all_who_watch(live: Live, world: World) -> None:
    """Once for each wake: PostgreSQL wakes us a second time for our own commits, maybe for the round before as well."""
    made = [await run(live.database, world) for _ in range(5)]
    async with AsyncExitStack() as stack:
        subscriptions = [await stack.enter_async_context(live.stats_feed.subscribe(studio_id)) for studio_id, _ in made for _ in range(20)]
        await until(lambda: not live.stats_feed.is_woken)
        await measure(live.database, *((session_id, 1.0) for _, session_id in made))
        rows = [await soon(anext(subscription)) for subscription in subscriptions]
        with live.database.count_statements() as counted:
            await measure(live.database, *((session_id, 2.0) for _, session_id in made))
            rows = [await soon(anext(subscription)) for subscription in subscriptions]
        assert {row.cpu for row in rows} == {2.0}
        assert len([text for text in counted.statements if text.startswith("SELECT") and "sessionstats.at" in text]) in (1, 2, 3)


async def test_nothing_is_read_or_kept_when_nobody_watches(database: Database, world: World) -> None:
    async with running(database, StreamSettings()) as live:
        studio_id, session_id = await run(database, world)
        async with watch(live, world.viewer, STATS, id=encode("Studio", studio_id)) as watcher:
            await measure(database, (session_id, 1.0))
            await watcher.frame()
        await until(lambda: not live.stats_feed.watched)
        with database.count_statements() as counted:
            await measure(database, (session_id, 2.0))
            await until(lambda: not live.stats_feed.is_woken)
        assert not [text for text in counted.statements if text.startswith("SELECT") and "sessionstats.at" in text]
