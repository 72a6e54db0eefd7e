"""Measures the delivery of one event to 500 subscribers of a process, against subscribers that each read the log.

Run `python -m benchmarks.bench_fanout [subscribers] [rounds]`. Both ways take turns in one process; only their ratio is meaningful.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from services.domain.actor import Actor
from services.domain.events import Kind, LoggedEvent, NewEvent
from services.live.broker import Broker
from services.live.subscription import Subscription
from services.store import log, outbox
from services.store.db.database import Database
from services.store.db.wakeups import Wakeups
from services.store.tables import metadata

STREAM = "fanout"
WARM_UP_ROUNDS = 3
Way = Callable[[int], Awaitable[None]]


@asynccontextmanager
async def fresh_database() -> AsyncIterator[Database]:
    """Yields a new SQLite database, which is removed afterwards."""
    with tempfile.TemporaryDirectory() as directory:
        database = Database(f"sqlite:///{Path(directory) / 'fanout.db'}")
        async with database.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        async with database.write() as transaction:
            await outbox.create_stream(transaction, STREAM)
        yield database
        await database.close()


async def append(database: Database) -> int:
    event = NewEvent(Kind.STUDIO_STATUS, Actor.system("benchmark"), {"status": "RUNNING"}, "s" * 32, "A Studio")
    async with database.write() as transaction:
        return await outbox.append(transaction, STREAM, [event])


async def receive(subscription: Subscription, seq: int) -> None:
    async for item in subscription:
        if isinstance(item, LoggedEvent) and item.seq == seq:
            return


async def read_log(database: Database, seq: int) -> None:
    async with database.read() as reader:
        page = await log.page(reader, STREAM, seq - 1, 100)
    assert page.events[-1].seq == seq


async def seconds(database: Database, ways: list[Way], rounds: int) -> list[list[float]]:
    """Returns for each way the seconds from the commit until the last subscriber has the event. The ways take turns."""
    times: list[list[float]] = [[] for _ in ways]
    for number in range(rounds + WARM_UP_ROUNDS):
        for way, way_times in zip(ways, times, strict=True):
            seq = await append(database)
            began = time.perf_counter()
            await way(seq)
            if number >= WARM_UP_ROUNDS:
                way_times.append(time.perf_counter() - began)
    return times


async def main(subscribers: int, rounds: int) -> None:
    async with fresh_database() as database, AsyncExitStack() as stack:
        wakeups = Wakeups(database)
        broker = Broker(database, wakeups)
        await wakeups.start()
        await broker.start()
        subscriptions = [await stack.enter_async_context(broker.subscribe(STREAM)) for _ in range(subscribers)]

        async def by_broker(seq: int) -> None:
            await asyncio.gather(*(receive(subscription, seq) for subscription in subscriptions))

        async def naive(seq: int) -> None:
            await asyncio.gather(*(read_log(database, seq) for _ in range(subscribers)))

        broker_times, naive_times = await seconds(database, [by_broker, naive], rounds)
        report(subscribers, broker_times, naive_times)
        await broker.close()
        await wakeups.close()


def report(subscribers: int, broker_times: list[float], naive_times: list[float]) -> None:
    ratios = sorted(slow / quick for quick, slow in zip(broker_times, naive_times, strict=True))
    print(f"one event to {subscribers} subscribers, median of {len(broker_times)} rounds:")
    print(f"  broker          {statistics.median(broker_times) * 1000:8.1f} ms")
    print(f"  each reads      {statistics.median(naive_times) * 1000:8.1f} ms")
    print(f"  ratio           {statistics.median(ratios):8.1f} x  [{ratios[0]:.1f} .. {ratios[-1]:.1f}]")


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    asyncio.run(main(*(arguments + [500, 20][len(arguments) :])))
