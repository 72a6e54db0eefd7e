"""The broker over real databases: order, completeness, catching up, and telling when it cannot."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import delete

from services.domain.events import Cursor, Kind, LoggedEvent
from services.live.broker import Broker
from services.live.stream_items import EventFilter, Heartbeat, Resync, ResyncReason, StreamSettings
from services.store.db.database import Database
from services.store.tables import core
from tests.factories import World
from tests.live.conftest import Live, append, running, seqs, take, take_events
from tests.live.stored_log import set_stream, trim
from tests.waiting import soon

STATUS, EDITED = Kind.STUDIO_STATUS, Kind.STUDIO_EDITED


@pytest.mark.behaviour("B83")
async def test_events_come_in_the_order_of_the_log_from_when_the_subscription_began(live: Live, world: World) -> None:
    await append(live.database, world.workspace_id, STATUS, STATUS)
    async with live.broker.subscribe(world.workspace_id) as subscription:
        assert subscription.start.seq == 2
        await append(live.database, world.workspace_id, EDITED, STATUS)
        await append(live.database, world.workspace_id, STATUS, status="RUNNING")
        events = await take_events(subscription, 3)
    assert seqs(events) == [3, 4, 5]
    assert [event.kind for event in events] == [EDITED, STATUS, STATUS]
    assert events[-1].payload == {"status": "RUNNING"}


@pytest.mark.behaviour("B83")
async def test_after_a_reconnect_with_the_last_cursor_nothing_is_missing(live: Live, world: World) -> None:
    async with live.broker.subscribe(world.workspace_id) as subscription:
        await append(live.database, world.workspace_id, STATUS)
        (last,) = await take_events(subscription, 1)
    await append(live.database, world.workspace_id, *[STATUS] * 600)
    async with live.broker.subscribe(world.workspace_id, after=last.cursor) as subscription:
        assert subscription.start == last.cursor
        missed = await take_events(subscription, 600)
        await append(live.database, world.workspace_id, STATUS)
        (newest,) = await take_events(subscription, 1)
    assert seqs([*missed, newest]) == list(range(2, 603))


async def test_only_what_matches_is_given_and_heartbeats_pass_over_the_rest(live: Live, database: Database, world: World) -> None:
    event_filter = EventFilter(kinds=frozenset({STATUS}), studio_id="a" * 32)
    async with (
        running(database, StreamSettings(heartbeat_seconds=0.05)) as quick,
        quick.broker.subscribe(world.workspace_id, event_filter) as subscription,
    ):
        await append(database, world.workspace_id, STATUS, EDITED, studio_id="b" * 32)
        await append(database, world.workspace_id, EDITED, STATUS, studio_id="a" * 32)
        (event,) = await take_events(subscription, 1)
        assert event.seq == 4
        head = await append(database, world.workspace_id, EDITED, EDITED, studio_id="b" * 32)
        beat = await soon(anext(subscription))
        while beat.cursor.seq < head:
            assert isinstance(beat, Heartbeat)
            beat = await soon(anext(subscription))
    async with live.broker.subscribe(world.workspace_id, event_filter, after=beat.cursor) as subscription:
        await append(database, world.workspace_id, STATUS, studio_id="a" * 32)
        assert seqs(await take(subscription, 1)) == [head + 1]


async def test_catching_up_filters_as_the_feed_does(live: Live, world: World) -> None:
    start = Cursor(world.workspace_id, await epoch_of(live, world), 0)
    for number in range(40):
        await append(live.database, world.workspace_id, STATUS if number % 3 else EDITED, studio_id=("a" if number % 2 else "b") * 32)
    kinds = frozenset({STATUS})
    for event_filter, expected in (
        (EventFilter(kinds), [n + 1 for n in range(40) if n % 3]),
        (EventFilter(studio_id="a" * 32), [n + 1 for n in range(40) if n % 2]),
        (EventFilter(kinds, "a" * 32), [n + 1 for n in range(40) if n % 3 and n % 2]),
    ):
        async with live.broker.subscribe(world.workspace_id, event_filter, after=start) as subscription:
            assert seqs(await take_events(subscription, len(expected))) == expected


async def epoch_of(live: Live, world: World) -> str:
    async with live.broker.subscribe(world.workspace_id) as subscription:
        return subscription.start.epoch


@pytest.mark.behaviour("B83")
@pytest.mark.parametrize("case", ["below the horizon", "above the head", "another epoch", "another stream"])
async def test_it_says_so_when_the_log_does_not_lead_on_from_a_cursor(live: Live, world: World, case: str) -> None:
    await append(live.database, world.workspace_id, *[STATUS] * 5)
    await trim(live.database, world.workspace_id, 3)
    good = Cursor(world.workspace_id, await epoch_of(live, world), 3)
    after, reason = {
        "below the horizon": (replace(good, seq=2), ResyncReason.RETENTION),
        "above the head": (replace(good, seq=6), ResyncReason.UNKNOWN_CURSOR),
        "another epoch": (replace(good, epoch="other"), ResyncReason.UNKNOWN_CURSOR),
        "another stream": (replace(good, stream_id="installation"), ResyncReason.UNKNOWN_CURSOR),
    }[case]
    async with live.broker.subscribe(world.workspace_id, after=after) as subscription:
        first = await soon(anext(subscription))
        assert first == Resync(reason, replace(good, seq=5))
        await append(live.database, world.workspace_id, STATUS)
        assert seqs(await take(subscription, 1)) == [6]
    async with live.broker.subscribe(world.workspace_id, after=good) as subscription:
        assert seqs(await take(subscription, 3)) == [4, 5, 6]


@pytest.mark.behaviour("B83")
async def test_a_slow_reader_gets_everything_from_the_log_though_its_queue_is_small(database: Database, world: World) -> None:
    async with (
        running(database, StreamSettings(max_queued_events=4, page_size=16)) as live,
        live.broker.subscribe(world.workspace_id) as slow,
    ):
        async with live.broker.subscribe(world.workspace_id) as quick:
            for _ in range(30):
                await append(database, world.workspace_id, *[STATUS] * 5)
                await take_events(quick, 5)
        assert seqs(await take_events(slow, 150)) == list(range(1, 151))
        await append(database, world.workspace_id, STATUS)
        assert seqs(await take_events(slow, 1)) == [151]


@pytest.mark.behaviour("B83")
async def test_a_slow_reader_whose_place_is_trimmed_meanwhile_is_told(database: Database, world: World) -> None:
    async with running(database, StreamSettings(max_queued_events=4)) as live, live.broker.subscribe(world.workspace_id) as slow:
        async with live.broker.subscribe(world.workspace_id) as quick:
            await append(database, world.workspace_id, *[STATUS] * 20)
            await take_events(quick, 20)
        await trim(database, world.workspace_id, 10)
        assert await soon(anext(slow)) == Resync(ResyncReason.RETENTION, replace(slow.start, seq=20))


@pytest.mark.behaviour("B83")
async def test_subscribers_are_told_when_a_backup_is_restored_under_them(database: Database, world: World) -> None:
    async with running(database, StreamSettings(poll_seconds=0.05)) as live, live.broker.subscribe(world.workspace_id) as subscription:
        await append(database, world.workspace_id, STATUS, STATUS, STATUS)
        await take_events(subscription, 3)
        async with database.write() as transaction:
            await transaction.execute(delete(core.event).where(core.event.c.seq > 1))
        await set_stream(database, world.workspace_id, epoch="restored", head=1)
        assert await soon(anext(subscription)) == Resync(ResyncReason.UNKNOWN_CURSOR, Cursor(world.workspace_id, "restored", 1))
        await append(database, world.workspace_id, STATUS)
        (event,) = await take_events(subscription, 1)
        assert event.cursor == Cursor(world.workspace_id, "restored", 2)


async def test_streams_are_apart_and_idle_ones_hold_no_state(live: Live, world: World) -> None:
    before = live.broker.streams
    async with live.broker.subscribe(world.workspace_id) as subscription, live.broker.subscribe(world.workspace_id):
        await append(live.database, "installation", STATUS)
        await append(live.database, world.workspace_id, EDITED)
        (event,) = await take_events(subscription, 1)
        assert event.kind is EDITED
        assert live.broker.streams == before | {world.workspace_id}
    assert live.broker.streams == before


async def test_without_any_wake_up_the_poll_finds_what_is_new(database: Database, world: World) -> None:
    class Silent:
        def subscribe(self, _callback: object) -> object:
            return lambda: None

    broker = Broker(database, Silent(), settings=StreamSettings(poll_seconds=0.05))  # type: ignore[arg-type]
    await broker.start()
    async with broker.subscribe(world.workspace_id) as subscription:
        await append(database, world.workspace_id, STATUS)
        assert seqs(await take_events(subscription, 1)) == [1]
    await broker.close()


async def test_subscriptions_end_when_the_broker_closes(live: Live, world: World) -> None:
    async with live.broker.subscribe(world.workspace_id) as subscription:
        waiting = asyncio.create_task(collect(subscription))
        await append(live.database, world.workspace_id, STATUS)
        while not waiting.done():
            await live.broker.close()
            await asyncio.sleep(0)
        assert await waiting in ([], [1])


async def collect(subscription: object) -> list[int]:
    return [item.seq async for item in subscription if isinstance(item, LoggedEvent)]  # type: ignore[attr-defined]


@pytest.mark.behaviour("B83")
async def test_one_event_costs_one_statement_however_many_subscribe(live: Live, world: World) -> None:
    subscriptions = [live.broker.subscribe(world.workspace_id) for _ in range(50)]
    for subscription in subscriptions:
        await subscription.__aenter__()
    with live.database.count_statements() as counted:
        for _ in range(3):
            head = await append(live.database, world.workspace_id, STATUS)
            for subscription in subscriptions:
                assert seqs(await take_events(subscription, 1)) == [head]
    assert sum(text.startswith("SELECT stream.id") for text in counted.statements) == 3
    for subscription in subscriptions:
        await subscription.__aexit__(None, None, None)
