"""One tab's socket, `/_sg/live`: it is the tab. Counts it, tells it what happens, and outlives the session to tell when it runs again."""

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
from connect.grants import Grant
from connect.presence_cache import People, PresenceCache
from connect.requests import Receive, Send
from services.connections.presence import Presence, Tab
from services.domain.errors import NotAllowedNow
from services.domain.events import Kind, LoggedEvent
from services.domain.statuses import ConnectionErrorCode
from services.live.broker import Broker
from services.live.stream_items import EventMatch, Resync
from services.store.access_facts import Facts

logger = logging.getLogger(__name__)

KINDS = frozenset({Kind.CONNECTED_USERS, Kind.DISRUPTION_WARNING, Kind.CONNECTION_ERROR, Kind.STUDIO_MESSAGE})
MAX_MESSAGE = 1024
MAX_NEWS = 64
CLOSE_SECONDS = 1.0


class TabSocket:
    """Runs until the tab leaves, or has no right to know any more. A stopped session does not end it."""

    def __init__(self, admission: AuthorizationCache, presence: Presence, board: PresenceCache, broker: Broker, grant: Grant) -> None:
        self._admission, self._presence, self._board, self._broker = admission, presence, board, broker
        self._grant = grant
        self._verdict: Decision | None = None
        self._told: AccessError | None = None
        self._news: deque[Mapping[str, object]] = deque(maxlen=MAX_NEWS)
        self._people_changed = False
        self._shown: People = []
        self._left = False
        self._wake = asyncio.Event()
        self._connection_id: str | None = None

    async def run(self, receive: Receive, send: Send, facts: Facts) -> None:
        """After the socket was accepted."""
        self._studio_id = facts.studio_id
        match = EventMatch(KINDS, facts.studio_id)
        async with self._broker.subscribe(facts.workspace_id, match) as events:
            tasks = [asyncio.create_task(self._read(receive)), asyncio.create_task(self._follow(events))]
            try:
                with self._admission.staying(self._grant, self._on_verdict), suppress(OSError):
                    self._on_verdict(await self._admission.verdict(self._grant))
                    await self._write(send)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.shield(self._leave())

    def _on_verdict(self, verdict: Decision) -> None:
        self._verdict = verdict
        self._wake.set()

    async def _read(self, receive: Receive) -> None:
        while True:
            message = await receive()
            text = message.get("text") or ""
            if message["type"] == "websocket.disconnect" or len(text) > MAX_MESSAGE or message.get("bytes"):
                self._left = True
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
        payload = event.payload
        if event.kind is Kind.CONNECTED_USERS:
            self._people_changed = True
        elif event.kind is Kind.STUDIO_MESSAGE:
            self._news.append({"type": "status", "text": payload.get("status_message")})
        elif event.kind is Kind.DISRUPTION_WARNING:
            self._news.append({"type": "warning", "code": payload["code"], "reason": payload["reason"], "at": payload.get("at")})
        elif payload.get("code") == ConnectionErrorCode.TOOL_UNREACHABLE:
            self._news.append({"type": "fault", "code": payload["code"], "reason": payload["reason"]})

    async def _write(self, send: Send) -> None:
        while not self._left:
            await self._wake.wait()
            self._wake.clear()
            if self._verdict:
                verdict, self._verdict = self._verdict, None
                if not await self._settle(verdict, send):
                    return
            while self._news:
                await _send(send, self._news.popleft())
            if self._people_changed and self._connection_id and not self._left:
                self._people_changed = False
                await self._show_people(send)

    async def _show_people(self, send: Send) -> None:
        people = await self._board.people(self._studio_id)
        if people != self._shown:
            self._shown = people
            await _send(send, {"type": "people", "people": people})

    async def _settle(self, verdict: Decision, send: Send) -> bool:
        """Be in, or out, as the verdict says; False when the socket must close."""
        if verdict.refusal is None and verdict.facts is not None:
            return await self._come_in(verdict.facts, send)
        refusal = (verdict.refusal or AccessError(access_errors.NOT_FOUND, "")).midway()
        await self._leave()
        if refusal.code == access_errors.SESSION_CHANGED:
            await _send(send, {"type": "ready"})
        elif refusal != self._told and refusal.code != ConnectionErrorCode.PROXY_RESTARTED:
            await _send(send, {"type": "end", **refusal.as_json()})
        self._told = refusal
        if not refusal.waits and refusal.code != access_errors.SESSION_CHANGED:
            await close(send, refusal)
            return False
        return True

    async def _come_in(self, facts: Facts, send: Send) -> bool:
        if self._connection_id:
            return True
        tab = Tab(
            facts.workspace_id, facts.studio_id, facts.studio_name, facts.session_number, facts.user_id, facts.user_name, facts.token_id
        )
        try:
            self._connection_id = await self._presence.join(tab)
        except NotAllowedNow:
            return True  # it ended at this moment: the verdict that says so is on its way
        self._told = None
        self._shown = await self._board.people(facts.studio_id)
        await _send(send, {"type": "open", "session": facts.session_number, "people": self._shown})
        return True

    async def _leave(self) -> None:
        connection_id, self._connection_id = self._connection_id, None
        if connection_id:
            try:
                await self._presence.leave(connection_id)
            except Exception:
                logger.warning("presence: a leave was not written; the next heartbeat writes it", exc_info=True)


async def close(send: Send, refusal: AccessError) -> None:
    """Close with the refusal's code; a tab that reads nothing is dropped."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await send({"type": "websocket.close", "code": refusal.words.close_code, "reason": refusal.close_reason})


async def _send(send: Send, message: Mapping[str, object]) -> None:
    await send({"type": "websocket.send", "text": orjson.dumps(message).decode()})
