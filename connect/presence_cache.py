"""Reads the users who are connected to a Studio, with one statement for all tabs that ask at the same time."""

import asyncio
from dataclasses import dataclass, field

from services.connections.presence import Presence

BATCH_DELAY_SECONDS = 0.1

People = list[dict[str, object]]


@dataclass(slots=True)
class PresenceCache:
    """Whoever asks shares the next reading, which begins a moment later: fifty tabs that learn of a newcomer cost one statement."""

    presence: Presence
    _next: dict[str, "asyncio.Task[People]"] = field(default_factory=dict)

    async def people(self, studio_id: str) -> People:
        """As {name, user, avatar, tabs}, in the order of their coming; as of after the call."""
        task = self._next.get(studio_id)
        if task is None:
            task = self._next[studio_id] = asyncio.create_task(self._read(studio_id))
        return await asyncio.shield(task)

    async def _read(self, studio_id: str) -> People:
        await asyncio.sleep(BATCH_DELAY_SECONDS)
        del self._next[studio_id]
        return [
            {"name": one.display_name, "user": one.user_name, "avatar": one.avatar_url, "tabs": one.tabs}
            for one in await self.presence.people(studio_id)
        ]
