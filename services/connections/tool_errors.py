"""Writes events about sessions that run while their tool does not answer (B57), a limited number of them."""

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
REPORT_INTERVAL_SECONDS = 30.0
REASON = "The session runs, but its tool does not answer. It may still be starting, or it may have crashed; it is tried again by itself."


@dataclass(slots=True)
class ToolErrors:
    """Writes one TOOL_UNREACHABLE event for a session in `interval_seconds`, however many of its requests fail."""

    database: Database
    interval_seconds: float = REPORT_INTERVAL_SECONDS
    _reported_at: dict[tuple[str, int], float] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def report(self, facts: Facts) -> None:
        """Starts to write the event, unless it was written recently. The request does not wait for it."""
        session, now = (facts.studio_id, facts.session_number), asyncio.get_running_loop().time()
        self._reported_at = {key: at for key, at in self._reported_at.items() if now - at < self.interval_seconds}
        if session not in self._reported_at:
            self._reported_at[session] = now
            task = asyncio.create_task(self._append(facts), name=f"tool-unreachable-{facts.public_id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Waits until the started events are written."""
        await asyncio.gather(*self._tasks)

    async def _append(self, facts: Facts) -> None:
        payload = ConnectionFailed(ConnectionErrorCode.TOOL_UNREACHABLE, REASON, retryable=True, session_number=facts.session_number)
        event = payload.event(Actor.system("proxy"), facts.studio_id, facts.studio_name)
        try:
            async with outbox.stream_transaction(self.database, facts.workspace_id) as transaction:
                if await connections.running_session(transaction, facts.studio_id) == facts.session_number:
                    await outbox.append(transaction, facts.workspace_id, [event])
        except Exception:
            logger.warning("could not log that a tool is unreachable", exc_info=True)
