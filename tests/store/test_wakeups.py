"""Wake-ups reach whoever subscribed, from this process and from others, and survive a lost connection."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text

from services.store.db.database import Database, Wake
from services.store.db.wakeups import LOST, Wakeups
from tests.waiting import WAIT_LIMIT_S


class Heard:
    """A subscriber that can be waited for."""

    def __init__(self) -> None:
        self.wakes: list[Wake] = []
        self._news = asyncio.Event()

    def __call__(self, wake: Wake) -> None:
        self.wakes.append(wake)
        self._news.set()

    async def until(self, wake: Wake) -> None:
        async with asyncio.timeout(WAIT_LIMIT_S):
            while wake not in self.wakes:
                self._news.clear()
                await self._news.wait()


@pytest.fixture
async def wakeups(database: Database) -> AsyncIterator[Wakeups]:
    wakeups = Wakeups(database)
    await wakeups.start()
    yield wakeups
    await wakeups.close()


async def _commit(database: Database, *wakes: Wake) -> None:
    async with database.write() as transaction:
        for wake in wakes:
            transaction.wake(wake.topic, wake.key, wake.seq)


async def _commit_and_fail(database: Database, wake: Wake) -> None:
    async with database.write() as transaction:
        transaction.wake(wake.topic, wake.key, wake.seq)
        raise ZeroDivisionError


async def test_a_commit_of_this_process_is_heard_at_once(database: Database, wakeups: Wakeups) -> None:
    heard = Heard()
    wakeups.subscribe(heard)
    await _commit(database, Wake("stream", "w1", 3), Wake("studio", "s1"))
    assert heard.wakes[:2] == [Wake("stream", "w1", 3), Wake("studio", "s1")]


async def test_a_rollback_is_never_heard(database: Database, wakeups: Wakeups) -> None:
    heard = Heard()
    wakeups.subscribe(heard)
    with pytest.raises(ZeroDivisionError):
        await _commit_and_fail(database, Wake("stream", "never", 1))
    await _commit(database, Wake("stream", "after", 2))
    await heard.until(Wake("stream", "after", 2))
    assert not [wake for wake in heard.wakes if wake.key == "never"]


async def test_who_unsubscribed_hears_no_more(database: Database, wakeups: Wakeups) -> None:
    heard = Heard()
    wakeups.subscribe(heard)()
    await _commit(database, Wake("stream", "w1", 1))
    assert heard.wakes == []


async def test_a_listener_that_fails_harms_neither_the_writer_nor_the_others(
    database: Database, wakeups: Wakeups, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_wake: Wake) -> None:
        raise ZeroDivisionError

    heard = Heard()
    wakeups.subscribe(fail)
    wakeups.subscribe(heard)
    await _commit(database, Wake("stream", "w1", 1))
    assert heard.wakes[0] == Wake("stream", "w1", 1)
    assert "a listener failed" in caplog.text


@pytest.mark.postgres
async def test_a_commit_of_another_process_is_heard(postgresql_url: str) -> None:
    here, elsewhere = Database(postgresql_url), Database(postgresql_url)
    wakeups, heard = Wakeups(here), Heard()
    await wakeups.start()
    wakeups.subscribe(heard)
    await _commit(elsewhere, Wake("stream", "w1", 9), Wake("studio", "s1"), Wake("studio", "s1"))
    await heard.until(Wake("studio", "s1"))
    assert heard.wakes == [Wake("stream", "w1", 9), Wake("studio", "s1")]
    for closing in (wakeups.close(), here.close(), elsewhere.close()):
        await closing


@pytest.mark.postgres
async def test_after_a_lost_connection_everybody_is_told_to_look_and_hears_again(postgresql_url: str) -> None:
    here, elsewhere = Database(postgresql_url), Database(postgresql_url)
    wakeups, heard = Wakeups(here), Heard()
    await wakeups.start()
    wakeups.subscribe(heard)
    await _end_backends(elsewhere)
    await heard.until(LOST)
    await _commit(elsewhere, Wake("stream", "w1", 1))
    await heard.until(Wake("stream", "w1", 1))
    for closing in (wakeups.close(), here.close(), elsewhere.close()):
        await closing


@pytest.mark.postgres
async def test_a_database_that_is_away_at_the_start_is_heard_once_it_is_there(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Database(postgresql_url)
    connect, refusals = here.dedicated_connection, [OSError("connection refused"), OSError("connection refused")]

    async def refuse_at_first() -> Any:
        if refusals:
            raise refusals.pop()
        return await connect()

    monkeypatch.setattr(here, "dedicated_connection", refuse_at_first)
    wakeups, heard = Wakeups(here), Heard()
    await wakeups.start()
    wakeups.subscribe(heard)
    await heard.until(LOST)
    await wakeups.close()
    await here.close()


async def _end_backends(database: Database) -> None:
    """End every other connection to this database, from outside."""
    async with database.engine.connect() as connection:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        await connection.execute(text(others))
