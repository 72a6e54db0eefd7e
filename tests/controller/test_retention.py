"""Old records go while a server runs, without anybody asking."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from services.controller.maintenance import retention as retention_loop
from services.controller.maintenance.retention import RetentionLoop
from services.store import retention
from services.store.db.database import Database
from tests.waiting import WAIT_LIMIT_S


class Trims:
    """Stands in for the removal, fails at first, and can be waited for."""

    def __init__(self) -> None:
        self.kept: list[timedelta] = []
        self._news = asyncio.Event()

    async def __call__(self, _database: Database, keep: timedelta) -> None:
        self.kept.append(keep)
        self._news.set()
        if len(self.kept) == 1:
            raise OSError("the disk is full")

    async def until(self, enough: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_LIMIT_S):
            while not enough():
                self._news.clear()
                await self._news.wait()


async def test_it_trims_at_once_and_again_even_after_a_failure(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trims = Trims()
    monkeypatch.setattr(retention, "trim", trims)
    monkeypatch.setattr(retention_loop, "TRIM_INTERVAL_SECONDS", 0)
    at_work = RetentionLoop(sqlite_database, timedelta(days=30))
    await at_work.start()
    await trims.until(lambda: len(trims.kept) >= 3)
    await at_work.close()
    assert set(trims.kept) == {timedelta(days=30)}
    assert "Old records could not be removed" in caplog.text


async def test_closing_one_that_never_began_is_nothing(sqlite_database: Database) -> None:
    await RetentionLoop(sqlite_database, timedelta(days=30)).close()
