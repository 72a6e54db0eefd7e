"""The one algorithm that must not err: attach, catch up, overflow, fall behind, reconnect, in every interleaving."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.domain.events import Kind
from services.live.broker import Broker
from services.live.stream_items import EventFilter, StreamSettings
from tests.live import clock
from tests.live.history import History
from tests.live.memory import STREAM, HandWakeups, MemoryLog

MATCHES = (
    EventFilter(),
    EventFilter(kinds=frozenset({Kind.STUDIO_STATUS})),
    EventFilter(studio_id="s1"),
    EventFilter(kinds=frozenset({Kind.STUDIO_EDITED}), studio_id="s2"),
)
KINDS = (Kind.STUDIO_STATUS, Kind.STUDIO_EDITED, Kind.MEMBER_CHANGED)
SETTLED_SECONDS = 600
"""Of the test's clock: longer than all polls, retries and slow reads of a run together."""


class Client:
    """A subscriber that reads when it is allowed to, and reconnects with the last cursor it has seen."""

    def __init__(self, broker: Broker, log: MemoryLog, event_filter: EventFilter) -> None:
        self.history = History(log, event_filter)
        self._broker = broker
        self._permits = asyncio.Semaphore(0)
        self._task: asyncio.Task[None] | None = None

    def allow(self, items: int) -> None:
        for _ in range(items):
            self._permits.release()

    async def connect(self) -> None:
        await self.disconnect()
        self._task = asyncio.create_task(self._read())

    async def disconnect(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def assert_alive(self) -> None:
        """What the history found wrong ends the task with an error."""
        if self._task and self._task.done():
            self._task.result()

    async def _read(self) -> None:
        async with self._broker.subscribe(STREAM, self.history.event_filter, self.history.cursor) as subscription:
            self.history.begin(subscription.start)
            await self._permits.acquire()
            async for item in subscription:
                self.history.take(item)
                await self._permits.acquire()


class Scenario:
    """A broker over a slow, failing log, three clients, and what hypothesis lets happen to them."""

    def __init__(self, random: Random) -> None:
        self.log = MemoryLog(random)
        self.wakeups = HandWakeups()
        stream_settings = StreamSettings(max_queued_events=random.choice((1, 3)), page_size=random.choice((1, 2, 5)))
        self.broker = Broker(None, self.wakeups, settings=stream_settings, log=self.log)  # type: ignore[arg-type]  # never asked for its database
        self.random = random
        self.clients = [Client(self.broker, self.log, random.choice(MATCHES)) for _ in range(3)]

    def client(self) -> Client:
        return self.random.choice(self.clients)

    async def append(self) -> None:
        for _ in range(self.random.randint(1, 6)):
            event = self.log.append(self.random.choice(KINDS), self.random.choice(("s1", "s2", None)))
            if self.random.random() < 0.6:  # else the wake-up is lost
                self.wakeups.wake(event.seq)

    async def pass_time(self) -> None:
        await asyncio.sleep(self.random.choice((0, 0, 0, 0.0005, 0.1, 1, 6, 20)))

    async def read(self) -> None:
        self.client().allow(self.random.randint(1, 8))

    async def reconnect(self) -> None:
        await self.client().connect()

    async def disconnect(self) -> None:
        await self.client().disconnect()

    async def trim(self) -> None:
        self.log.trim(self.log.state.head - self.random.randint(0, 4))

    async def restore(self) -> None:
        self.log.restore(lost=self.random.randint(0, 3))

    async def finish(self) -> None:
        """Everybody reads on, all is quiet, and after a while everybody has everything."""
        for client in self.clients:
            client.assert_alive()
            await client.connect()
            client.allow(10_000)
        await asyncio.sleep(SETTLED_SECONDS)
        for client in self.clients:
            client.assert_alive()
            client.history.assert_complete()
            await client.disconnect()
        assert self.broker.streams == frozenset(), "an idle stream holds state"


async def _play(steps: list[str], random: Random) -> None:
    scenario = Scenario(random)
    await scenario.broker.start()
    for client in scenario.clients:
        await client.connect()
    for step in steps:
        act: Callable[[], Any] = getattr(scenario, step)
        await act()
        for client in scenario.clients:
            client.assert_alive()
    await scenario.finish()
    await scenario.broker.close()


STEPS = ("append", "append", "append", "pass_time", "pass_time", "pass_time", "read", "read", "read", "reconnect", "disconnect")


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    """Reads fail on purpose, thousands of times."""
    logger = logging.getLogger("services.live.log_reader")
    logger.disabled = True
    yield
    logger.disabled = False


@pytest.mark.behaviour("B83")
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(STEPS), min_size=30, max_size=120), st.integers(0, 2**32))
def test_every_client_sees_each_event_once_and_in_order_whatever_the_interleaving(steps: list[str], seed: int) -> None:
    clock.run(_play(steps, Random(seed)))


@pytest.mark.behaviour("B83")
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from((*STEPS, "trim", "restore")), min_size=30, max_size=120), st.integers(0, 2**32))
def test_a_client_is_told_when_the_log_does_not_reach_back_and_only_then(steps: list[str], seed: int) -> None:
    clock.run(_play(steps, Random(seed)))
