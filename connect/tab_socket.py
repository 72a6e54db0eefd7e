"""Serves `/_sg/live`, the WebSocket by which one browser tab is counted and notified of changes.

It outlives the session, and notifies the tab when the Studio runs again.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson

from connect import access_errors
from connect.access_errors import AccessError
from connect.authorization import Decision
from connect.authorization_cache import AuthorizationCache
from connect.current_step import current_step
from connect.presence_cache import People, PresenceCache
from connect.requests import Receive, Send
from connect.session_grants import Grant
from services.connections.presence import NewConnection, Presence
from services.domain.errors import NotAllowedNow
from services.domain.event_payloads import ConnectionFailed, DisruptionPlanned, OperationChanged, StudioMessageChanged
from services.domain.events import Kind, LoggedEvent
from services.domain.statuses import ConnectionErrorCode
from services.live.broker import Broker
from services.live.stream_items import EventFilter, Resync
from services.store.access_facts import Facts
from services.store.db.database import Database

logger = logging.getLogger(__name__)

PEOPLE_KINDS = frozenset({Kind.CONNECTED_USERS, Kind.CONNECTED_TABS})
KINDS = PEOPLE_KINDS | {Kind.DISRUPTION_WARNING, Kind.CONNECTION_ERROR, Kind.STUDIO_MESSAGE, Kind.OPERATION}
MAX_MESSAGE_BYTES = 1024
"""The size of a message from the tab; the session page sends fewer than 20 bytes."""
MAX_QUEUED_MESSAGES = 64
"""The number of messages that wait for one tab; the oldest are dropped first."""
CLOSE_TIMEOUT_S = 1.0


class TabSocket:
    """Serves the socket of one tab until the tab closes or the user loses the right. The end of the session does not close it."""

    def __init__(
        self,
        database: Database,
        authorization_cache: AuthorizationCache,
        presence: Presence,
        presence_cache: PresenceCache,
        broker: Broker,
        grant: Grant,
    ) -> None:
        self._database = database
        self._authorization_cache = authorization_cache
        self._presence = presence
        self._presence_cache = presence_cache
        self._broker = broker
        self._grant = grant
        self._decision: Decision | None = None
        self._notified_refusal: AccessError | None = None
        self._queued_messages: deque[Mapping[str, object]] = deque(maxlen=MAX_QUEUED_MESSAGES)
        self._people_changed = False
        self._sent_people: People = []
        self._changed_operation_id: str | None = None
        self._disconnected = False
        self._wake = asyncio.Event()
        self._connection_id: str | None = None

    async def run(self, receive: Receive, send: Send, facts: Facts) -> None:
        """Serves the socket; the caller has accepted it."""
        self._studio_id = facts.studio_id
        event_filter = EventFilter(KINDS, facts.studio_id)
        async with self._broker.subscribe(facts.workspace_id, event_filter) as events:
            tasks = [asyncio.create_task(self._read(receive)), asyncio.create_task(self._follow(events))]
            try:
                with self._authorization_cache.active(self._grant, self._on_decision), suppress(OSError):
                    self._on_decision(await self._authorization_cache.decision(self._grant))
                    await self._write(send)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.shield(self._leave())

    def _on_decision(self, decision: Decision) -> None:
        self._decision = decision
        self._wake.set()

    async def _read(self, receive: Receive) -> None:
        while True:
            message = await receive()
            text = message.get("text") or ""
            if message["type"] == "websocket.disconnect" or len(text) > MAX_MESSAGE_BYTES or message.get("bytes"):
                self._disconnected = True
                self._wake.set()
                return
            if self._connection_id:
                self._presence.touch(self._connection_id)

    async def _follow(self, events: Any) -> None:
        async for item in events:
            if isinstance(item, Resync):
                self._people_changed = True
            elif isinstance(item, LoggedEvent):
                self._note(item)
            self._wake.set()

    def _note(self, event: LoggedEvent) -> None:
        if event.kind in PEOPLE_KINDS:
            self._people_changed = True
        elif event.kind is Kind.OPERATION:
            self._changed_operation_id = OperationChanged.from_json(event.payload).operation_id
        elif event.kind is Kind.STUDIO_MESSAGE:
            message = StudioMessageChanged.from_json(event.payload)
            self._queued_messages.append({"type": "status", "text": message.status_message})
        elif event.kind is Kind.DISRUPTION_WARNING:
            planned = DisruptionPlanned.from_json(event.payload)
            self._queued_messages.append({"type": "warning", "code": planned.code, "reason": planned.reason, "at": planned.at})
        elif event.kind is Kind.CONNECTION_ERROR:
            error = ConnectionFailed.from_json(event.payload)
            if error.code is ConnectionErrorCode.TOOL_UNREACHABLE:
                self._queued_messages.append({"type": "fault", "code": error.code, "reason": error.reason})

    async def _write(self, send: Send) -> None:
        while not self._disconnected:
            await self._wake.wait()
            self._wake.clear()
            if self._decision:
                decision, self._decision = self._decision, None
                if not await self._apply_decision(decision, send):
                    return
            while self._queued_messages:
                await _send(send, self._queued_messages.popleft())
            if self._people_changed and self._connection_id and not self._disconnected:
                self._people_changed = False
                await self._send_people(send)
            if self._changed_operation_id and not self._connection_id and not self._disconnected:
                operation_id, self._changed_operation_id = self._changed_operation_id, None
                await self._send_step(send, operation_id)

    async def _send_step(self, send: Send, operation_id: str) -> None:
        """Tells a tab that waits for the session what its start does now (B84)."""
        text = await current_step(self._database, self._grant.user_id, operation_id)
        await _send(send, {"type": "step", "text": text})

    async def _send_people(self, send: Send) -> None:
        people = await self._presence_cache.people(self._studio_id)
        if people != self._sent_people:
            self._sent_people = people
            await _send(send, {"type": "people", "people": people})

    async def _apply_decision(self, decision: Decision, send: Send) -> bool:
        """Applies the decision: joins or leaves. Returns False when the socket must close."""
        if decision.refusal is None and decision.facts is not None:
            return await self._join(decision.facts, send)
        refusal = (decision.refusal or AccessError(access_errors.NOT_FOUND, "")).during_session()
        await self._leave()
        if refusal.code == access_errors.SESSION_CHANGED:
            await _send(send, {"type": "ready"})
        elif refusal != self._notified_refusal and refusal.code != ConnectionErrorCode.PROXY_RESTARTED:
            await _send(send, {"type": "end", **refusal.as_json()})
        self._notified_refusal = refusal
        if not refusal.waits and refusal.code != access_errors.SESSION_CHANGED:
            await close(send, refusal)
            return False
        return True

    async def _join(self, facts: Facts, send: Send) -> bool:
        if self._connection_id:
            return True
        try:
            self._connection_id = await self._presence.join(NewConnection.from_facts(facts))
        except NotAllowedNow:
            return True  # the session has just ended: the decision that says so follows
        self._notified_refusal = None
        self._sent_people = await self._presence_cache.people(facts.studio_id)
        await _send(send, {"type": "open", "session": facts.session_number, "people": self._sent_people})
        return True

    async def _leave(self) -> None:
        connection_id, self._connection_id = self._connection_id, None
        if connection_id:
            try:
                await self._presence.leave(connection_id)
            except Exception:
                logger.warning("presence: the end of a connection was not written; the next heartbeat writes it", exc_info=True)


async def close(send: Send, refusal: AccessError) -> None:
    """Closes the socket with the code of the refusal; a tab that reads nothing is dropped after CLOSE_TIMEOUT_S."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await send({"type": "websocket.close", "code": refusal.text.close_code, "reason": refusal.close_reason})


async def _send(send: Send, message: Mapping[str, object]) -> None:
    await send({"type": "websocket.send", "text": orjson.dumps(message).decode()})
