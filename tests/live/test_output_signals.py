"""Whoever waits for an output is told when it grows, in whatever process that happens."""

import asyncio

import pytest

from services.domain.ids import new_id
from services.live.output_signals import OutputSignals
from services.store import outputs
from services.store.db.database import Database
from services.store.db.wakeups import LOST, Wakeups
from tests.live.conftest import soon

pytestmark = pytest.mark.behaviour("B84")


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
        output_signals.signal_for(theirs) as stranger,
    ):
        async with writer.write() as transaction:
            output = await outputs.begin(transaction, mine)
        async with writer.write() as transaction:
            await outputs.append(transaction, output, b"more", None)
        await soon(asyncio.gather(signal.wait(), second.wait()))
        assert not stranger.is_set()
        signal.clear()
        async with writer.write() as transaction:
            await outputs.close(transaction, mine)
        await soon(signal.wait())
        wakeups._deliver([LOST])
        assert stranger.is_set()
    assert not output_signals._signals
    output_signals.close()
    await wakeups.close()
    await other.close()
