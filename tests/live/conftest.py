"""A running broker and revocation watcher over a fresh database, and helpers that write events."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from services.domain.actor import Actor
from services.domain.events import Kind, LoggedEvent, NewEvent
from services.live.broker import Broker
from services.live.output_signals import OutputSignals
from services.live.revocation import RevocationWatcher
from services.live.stats_feed import StatsFeed
from services.live.stream_items import Item, StreamSettings
from services.live.subscription import Subscription
from services.store import outbox
from services.store.db.database import Database
from services.store.db.wakeups import Wakeups
from tests import factories
from tests.factories import World
from tests.waiting import soon

SYSTEM = Actor.system("test")
T = TypeVar("T")


async def append(database: Database, stream_id: str, *kinds: Kind, studio_id: str | None = "s" * 32, **payload: Any) -> int:
    """Log events of these kinds in one transaction; returns the head."""
    events = [NewEvent(kind, SYSTEM, payload, studio_id, "A Studio") for kind in kinds]
    async with database.write(durable=False) as transaction:
        return await outbox.append(transaction, stream_id, events)


async def take(subscription: Subscription, number: int) -> list[Item]:
    """The next items."""
    return [await soon(anext(subscription)) for _ in range(number)]


async def take_events(subscription: Subscription, number: int) -> list[LoggedEvent]:
    """The next events, whatever comes between."""
    events: list[LoggedEvent] = []
    while len(events) < number:
        item = await soon(anext(subscription))
        if isinstance(item, LoggedEvent):
            events.append(item)
    return events


def seqs(items: Sequence[Item]) -> list[int]:
    """Their places in the log; for a heartbeat or a Resync, the one it tells."""
    return [item.seq if isinstance(item, LoggedEvent) else item.cursor.seq for item in items]


@dataclass(frozen=True, slots=True)
class Live:
    """One process, as far as the live part is concerned."""

    database: Database
    wakeups: Wakeups
    broker: Broker
    revocation_watcher: RevocationWatcher
    stats_feed: StatsFeed
    output_signals: OutputSignals


@asynccontextmanager
async def running(database: Database, settings: StreamSettings | None = None, *, recheck_seconds: float = 30) -> AsyncIterator[Live]:
    wakeups = Wakeups(database)
    broker = Broker(database, wakeups, settings=settings)
    revocation_watcher = RevocationWatcher(broker, database, recheck_seconds=recheck_seconds)
    await wakeups.start()
    await broker.start()
    stats_feed = StatsFeed(database, wakeups, settings)
    await revocation_watcher.start()
    await stats_feed.start()
    output_signals = OutputSignals(wakeups)
    output_signals.start()
    try:
        yield Live(database, wakeups, broker, revocation_watcher, stats_feed, output_signals)
    finally:
        output_signals.close()
        await stats_feed.close()
        await revocation_watcher.close()
        await broker.close()
        await wakeups.close()


@pytest.fixture
async def world(database: Database) -> World:
    return await factories.create_world(database)


@pytest.fixture
async def live(database: Database) -> AsyncIterator[Live]:
    async with running(database) as live:
        yield live
