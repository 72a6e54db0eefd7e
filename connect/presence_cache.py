"""Reads the users who are connected to a Studio, with one statement for all tabs that need them at the same time."""

import asyncio
from dataclasses import dataclass, field

from services.connections.presence import Presence

BATCH_DELAY_SECONDS = 0.1
"""The time for which a read waits for further tabs that can share it."""

People = list[dict[str, object]]


@dataclass(slots=True)
class PresenceCache:
    """Collects calls for BATCH_DELAY_SECONDS and answers them with one read: fifty tabs that learn of a new user cost one statement."""

    presence: Presence
    _pending: dict[str, "asyncio.Task[People]"] = field(default_factory=dict)

    async def people(self, studio_id: str) -> People:
        """Returns {name, user, avatar, tabs} of each user, in the order of their joining, read after the call."""
        task = self._pending.get(studio_id)
        if task is None:
            task = self._pending[studio_id] = asyncio.create_task(self._read(studio_id))
        return await asyncio.shield(task)

    async def _read(self, studio_id: str) -> People:
        await asyncio.sleep(BATCH_DELAY_SECONDS)
        del self._pending[studio_id]
        return [
            {"name": person.display_name, "user": person.user_name, "avatar": person.avatar_url, "tabs": person.tabs}
            for person in await self.presence.people(studio_id)
        ]
