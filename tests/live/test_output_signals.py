"""Whoever waits for an output is told when it grows, in whatever process that happens."""

import asyncio
from collections.abc import Callable

import pytest

from services.domain.ids import new_id
from services.live.output_signals import OutputSignals
from services.store import outputs
from services.store.db.database import Database, Wake
from services.store.db.wakeups import LOST, Wakeups
from tests.waiting import soon

pytestmark = pytest.mark.behaviour("B84")


class DirectWakes:
    """A source of wake-ups that the test gives out itself."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[Wake], None]] = []

    def subscribe(self, callback: Callable[[Wake], None]) -> Callable[[], None]:
        self.callbacks.append(callback)
        return lambda: self.callbacks.remove(callback)

    def deliver(self, wake: Wake) -> None:
        for callback in self.callbacks:
            callback(wake)


async def test_a_signal_is_set_for_its_output_alone(database: Database) -> None:
    other, wakeups = Database(database.url.render_as_string(hide_password=False)), Wakeups(database)
    await wakeups.start()
    output_signals = OutputSignals(wakeups)
    output_signals.start()
    writer = other if database.dialect == "postgresql" else database
    mine, theirs = new_id(), new_id()
    with (
        output_signals.signal_for(mine) as signal,
        output_signals.signal_for(mine) as second,
        output_signals.signal_for(theirs) as unrelated,
    ):
        async with writer.write() as transaction:
            output = await outputs.find_or_add(transaction, mine)
        async with writer.write() as transaction:
            await outputs.append(transaction, output, b"more", None)
        await soon(asyncio.gather(signal.wait(), second.wait()))
        assert not unrelated.is_set()
        signal.clear()
        async with writer.write() as transaction:
            await outputs.close(transaction, mine)
        await soon(signal.wait())
    output_signals.close()
    await wakeups.close()
    await other.close()


async def test_all_signals_are_set_when_wake_ups_may_have_been_missed() -> None:
    wakes = DirectWakes()
    output_signals = OutputSignals(wakes)
    output_signals.start()
    with output_signals.signal_for(new_id()) as one, output_signals.signal_for(new_id()) as another:
        wakes.deliver(LOST)
        assert one.is_set()
        assert another.is_set()
    output_signals.close()
    assert wakes.callbacks == []


async def test_an_output_is_forgotten_when_nobody_waits_for_it() -> None:
    output_signals, output_id = OutputSignals(DirectWakes()), new_id()
    with output_signals.signal_for(output_id):
        with output_signals.signal_for(output_id):
            pass
        assert output_signals.watched == {output_id}
    assert output_signals.watched == frozenset()
