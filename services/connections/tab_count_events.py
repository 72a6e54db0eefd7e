"""Appends the event that a user who stays connected has another number of tabs (B52): one for each Studio and interval at most."""

import asyncio
from collections import defaultdict

from services.domain.actor import Actor
from services.domain.event_payloads import TabsChanged
from services.runtime.background_loop import BackgroundLoop
from services.store import outbox
from services.store.db.database import Database, DatabaseUnavailable

MIN_INTERVAL_SECONDS = 0.5
"""The time between two events of one proxy: a change shows within 1 s, and a Studio's log grows by two events a second at most."""


class TabCountEvents:
    """Collects the Studios whose users have another number of tabs, and appends one event for each: at once, then after the interval.

    The event is appended after the transaction of the change, so that many changes share one. A proxy that is killed in between loses
    it; the end of its tabs is then announced by the proxy that ends them.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._changed: defaultdict[str, dict[str, str]] = defaultdict(dict)
        self._loop = BackgroundLoop(
            "tab count events",
            self._append_all,
            failure="The event of changed numbers of tabs could not be stored",
            min_pause_seconds=MIN_INTERVAL_SECONDS,
            silent=(DatabaseUnavailable,),
        )

    def start(self) -> None:
        self._loop.start()

    async def close(self) -> None:
        """Appends the events that wait, if the database answers."""
        await self._loop.stop()
        try:
            await self._append_all()
        except DatabaseUnavailable:
            return

    def note(self, workspace_id: str, studio_id: str, studio_name: str) -> None:
        """Records that a number of tabs of this Studio has changed, after the commit of that change."""
        self._changed[workspace_id][studio_id] = studio_name
        self._loop.wake()

    async def _append_all(self) -> None:
        for workspace_id in list(self._changed):
            await self._append(workspace_id, self._changed.pop(workspace_id))

    async def _append(self, workspace_id: str, studios: dict[str, str]) -> None:
        actor = Actor.system("presence")
        events = [TabsChanged().event(actor, studio_id, name) for studio_id, name in studios.items()]
        try:
            async with outbox.stream_transaction(self._database, workspace_id, durable=False) as transaction:
                await outbox.append(transaction, workspace_id, events)
        except (DatabaseUnavailable, asyncio.CancelledError):
            self._changed[workspace_id] = {**studios, **self._changed[workspace_id]}
            raise
