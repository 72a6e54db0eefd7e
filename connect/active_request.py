"""Being inside a session for as long as an exchange lasts: the check, and the end that is pushed when the right is gone (B59)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from connect.access_errors import AccessDenied, AccessError
from connect.authorization import NO_STUDIO, Decision
from connect.authorization_cache import AuthorizationCache
from connect.grants import Grant
from services.connections.presence import Presence
from services.store.access_facts import Facts


@dataclass(slots=True, eq=False)
class ActiveRequest:
    """An exchange that was let in. `refusal` is set once it is to end; `touch` notes that its user did something."""

    grant: Grant
    facts: Facts
    touch: Callable[[], None]
    refusal: AccessError | None = None
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    _task: "asyncio.Task[object] | None" = None

    def on_verdict(self, verdict: Decision) -> None:
        if verdict.refusal and self.refusal is None:
            self.refusal = verdict.refusal.midway()
            self._ended.set()
            if self._task:
                self._task.cancel()

    def cancels(self, task: "asyncio.Task[object] | None") -> None:
        """Cancel `task` when it is to end; the task tells by `refusal` that this is the reason."""
        self._task = task

    async def ended(self) -> AccessError:
        """Wait until it is to end."""
        await self._ended.wait()
        assert self.refusal is not None
        return self.refusal

    async def ended_within(self, seconds: float) -> AccessError | None:
        """What ends it within that time, if anything: a tool's death is often the first sign of a session's end."""
        try:
            async with asyncio.timeout(seconds):
                return await self.ended()
        except TimeoutError:
            return None


@asynccontextmanager
async def stay(admission: AuthorizationCache, presence: Presence, grant: Grant) -> AsyncIterator[ActiveRequest]:
    """Raises Refused if the holder of `grant` may not come in."""
    verdict = await admission.verdict(grant)
    if verdict.refusal or verdict.facts is None:
        raise AccessDenied(verdict.refusal or NO_STUDIO)
    studio_id, number = verdict.facts.studio_id, verdict.facts.session_number
    here = ActiveRequest(grant, verdict.facts, lambda: presence.touch_session(studio_id, number))
    with admission.staying(grant, here.on_verdict):
        yield here
