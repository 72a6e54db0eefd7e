"""Telling everybody that a session runs but its tool does not answer (B57), without flooding the log."""

import asyncio
import logging
from dataclasses import dataclass, field

from services.domain.actor import Actor
from services.domain.event_payloads import ConnectionFailed
from services.domain.statuses import ConnectionErrorCode
from services.store import connections, outbox
from services.store.access_facts import Facts
from services.store.db.database import Database

logger = logging.getLogger(__name__)
EVERY_SECONDS = 30.0
REASON = "The session runs, but its tool does not answer. It may still be starting, or it may have crashed; it is tried again by itself."


@dataclass(slots=True)
class ToolFaults:
    """One TOOL_UNREACHABLE event for a session in `every` seconds, however many requests fail."""

    database: Database
    every: float = EVERY_SECONDS
    _told: dict[tuple[str, int], float] = field(default_factory=dict)
    _telling: set[asyncio.Task[None]] = field(default_factory=set)

    def tell(self, facts: Facts) -> None:
        """Log it beside the request; never in its way."""
        session, now = (facts.studio_id, facts.session_number), asyncio.get_running_loop().time()
        self._told = {key: at for key, at in self._told.items() if now - at < self.every}
        if session not in self._told:
            self._told[session] = now
            task = asyncio.create_task(self._append(facts), name=f"tool-unreachable-{facts.public_id}")
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def close(self) -> None:
        """Wait until what is being told is told."""
        await asyncio.gather(*self._telling)

    async def _append(self, facts: Facts) -> None:
        payload = ConnectionFailed(ConnectionErrorCode.TOOL_UNREACHABLE, REASON, retryable=True, session_number=facts.session_number)
        event = payload.event(Actor.system("proxy"), facts.studio_id, facts.studio_name)
        try:
            async with outbox.stream_transaction(self.database, facts.workspace_id) as transaction:
                if await connections.running_session(transaction, facts.studio_id) == facts.session_number:
                    await outbox.append(transaction, facts.workspace_id, [event])
        except Exception:
            logger.warning("could not log that a tool is unreachable", exc_info=True)
