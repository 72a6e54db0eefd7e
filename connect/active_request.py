"""Admits a request to a session and ends it as soon as its user loses the right to use the session (B59)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from connect.access_errors import AccessDenied, AccessError
from connect.authorization import NO_STUDIO, Decision
from connect.authorization_cache import AuthorizationCache
from connect.session_grants import Grant
from services.connections.presence import Presence
from services.store.access_facts import Facts


@dataclass(slots=True, eq=False)
class ActiveRequest:
    """An admitted request or WebSocket. `refusal` is set once it must end; `touch` records activity of its user."""

    grant: Grant
    facts: Facts
    touch: Callable[[], None]
    refusal: AccessError | None = None
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    _task: "asyncio.Task[object] | None" = None

    def on_decision(self, decision: Decision) -> None:
        if decision.refusal and self.refusal is None:
            self.refusal = decision.refusal.during_session()
            self._ended.set()
            if self._task:
                self._task.cancel()

    def cancel_on_end(self, task: "asyncio.Task[object] | None") -> None:
        """Makes the end of the request cancel `task` (None: no task). A task that finds `refusal` set was cancelled for this reason."""
        self._task = task

    async def ended(self) -> AccessError:
        """Waits until the request must end, and returns why."""
        await self._ended.wait()
        assert self.refusal is not None
        return self.refusal

    async def ended_within(self, seconds: float) -> AccessError | None:
        """Returns what ends the request within that time, or None. A tool that ends is often the first sign of a session's end."""
        try:
            async with asyncio.timeout(seconds):
                return await self.ended()
        except TimeoutError:
            return None


@asynccontextmanager
async def admit(authorization_cache: AuthorizationCache, presence: Presence, grant: Grant) -> AsyncIterator[ActiveRequest]:
    """Admits the holder of `grant` until the context ends. Raises AccessDenied if access is refused."""
    decision = await authorization_cache.decision(grant)
    if decision.refusal or decision.facts is None:
        raise AccessDenied(decision.refusal or NO_STUDIO)
    studio_id, number = decision.facts.studio_id, decision.facts.session_number
    active_request = ActiveRequest(grant, decision.facts, lambda: presence.touch_session(studio_id, number))
    with authorization_cache.active(grant, active_request.on_decision):
        yield active_request
