"""Records when sessions and tabs were last used: collected in memory and written together (docs/architecture.md#the-data-plane)."""

import asyncio

from services.store import connections as store
from services.store.db.database import Database

WRITE_INTERVAL_SECONDS = 30.0


class Activity:
    """Writes the last use of each tab and session at most once in `interval_seconds`, and prolongs the session's idle limit with it."""

    def __init__(self, database: Database, interval_seconds: float = WRITE_INTERVAL_SECONDS) -> None:
        self._database = database
        self._interval_seconds = interval_seconds
        self._tabs: set[str] = set()
        self._sessions: set[tuple[str, int]] = set()
        self._written_at: dict[object, float] = {}

    def tab(self, connection_id: str) -> None:
        """Records that the user of the tab was active."""
        self._tabs.add(connection_id)

    def session(self, studio_id: str, session_number: int) -> None:
        """Records that the session is in use, by a tab or a program."""
        self._sessions.add((studio_id, session_number))

    async def flush(self) -> None:
        """Writes the uses whose last write is long enough ago."""
        now = asyncio.get_running_loop().time()
        tabs = [tab for tab in self._tabs if self._is_due(tab, now)]
        sessions = [session for session in self._sessions if self._is_due(session, now)]
        if tabs or sessions:
            await self._write(tabs, sessions)
        self._tabs.difference_update(tabs)
        self._sessions.difference_update(sessions)
        recent = {key: at for key, at in self._written_at.items() if now - at < self._interval_seconds}
        self._written_at = {**recent, **dict.fromkeys([*tabs, *sessions], now)}

    async def _write(self, tabs: list[str], sessions: list[tuple[str, int]]) -> None:
        """In a transaction each, which locks one kind of row: no other writer waits for one of ours while we wait for one of its."""
        if tabs:
            async with self._database.write(durable=False) as transaction:
                await store.note_activity(transaction, tabs)
        for studio_id, number in sessions:
            async with self._database.write(durable=False) as transaction:
                await store.note_session_activity(transaction, studio_id, number)

    def _is_due(self, key: object, now: float) -> bool:
        return now - self._written_at.get(key, float("-inf")) >= self._interval_seconds
