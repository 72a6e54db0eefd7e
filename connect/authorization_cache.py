"""Caches access decisions for at most 30 s, drops them when an event concerns them, and notifies open requests (B56, B59)."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime

from connect.access_errors import AccessError
from connect.access_events import AccessEvents
from connect.authorization import AccessSnapshot, Decision, authorize
from connect.grants import Grant
from services.domain.event_payloads import MemberChanged, TokenRevoked
from services.domain.events import Kind, LoggedEvent
from services.live.broker import Broker
from services.store import access_facts as store
from services.store.db.database import Database

logger = logging.getLogger(__name__)

MAX_AGE_SECONDS = 30.0
TICK_SECONDS = 1.0
MAX_READS = 5

Key = tuple[str, str, str, str | None]
OnDecision = Callable[[Decision], None]


class AuthorizationCache:
    """Decides for each request and each WebSocket. An open one registers itself, and is notified when its decision may have changed."""

    def __init__(self, database: Database, broker: Broker, *, kept: float = MAX_AGE_SECONDS, tick: float = TICK_SECONDS) -> None:
        self._database = database
        self._kept = kept
        self._tick = tick
        self._known: dict[Key, AccessSnapshot] = {}
        self._reading: dict[Key, asyncio.Task[AccessSnapshot]] = {}
        self._holders: dict[Key, dict[OnDecision, Grant]] = {}
        self._changes = 0
        self._closed: AccessError | None = None
        self._dirty: set[Key] = set()
        self._look = asyncio.Event()
        self._watch = AccessEvents(broker, self._on_event, self._on_gap)
        self._closing = AsyncExitStack()

    async def start(self) -> None:
        await self._watch.start()
        for work in (self._notify_changes, self._tick_on):
            task = asyncio.create_task(work(), name=f"admission {work.__name__}")
            self._closing.callback(task.cancel)

    async def close(self) -> None:
        await self._closing.aclose()
        await self._watch.close()

    async def decision(self, grant: Grant) -> Decision:
        """Returns whether the holder of `grant` may use its session now. Needs no statement while the cached facts are fresh."""
        if self._closed:
            return Decision(None, self._closed)
        known = self._known.get(_key(grant))
        if known is None or self._now() - known.read_at > self._kept:
            known = await self._read(_key(grant))
        return authorize(known, grant, datetime.now(UTC))

    def end_all(self, refusal: AccessError) -> None:
        """Ends all open requests, and refuses all new ones, with `refusal`: the server stops."""
        self._closed = refusal
        for holders in list(self._holders.values()):
            for on_decision in list(holders):
                on_decision(Decision(None, refusal))

    async def look(self, public_id: str, user_id: str, token_id: str, login_id: str | None) -> AccessSnapshot:
        """Returns what the database holds now, without the cache: for a user who has no cookie of the session yet."""
        return await self._read_once((public_id, user_id, token_id, login_id))

    @contextmanager
    def active(self, grant: Grant, on_decision: OnDecision) -> Iterator[None]:
        """Calls `on_decision` with the decision whenever it may have changed, until the context ends. It must not block."""
        key = _key(grant)
        self._holders.setdefault(key, {})[on_decision] = grant
        if key not in self._known:
            self._mark([key])
        try:
            yield
        finally:
            holders = self._holders[key]
            holders.pop(on_decision, None)
            if not holders:
                del self._holders[key]

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    async def _read(self, key: Key) -> AccessSnapshot:
        """Many who ask at once share one reading."""
        task = self._reading.get(key)
        if task is None:
            task = self._reading[key] = asyncio.create_task(self._read_settled(key))
            task.add_done_callback(lambda _: self._reading.pop(key, None))
        return await asyncio.shield(task)

    async def _read_settled(self, key: Key) -> AccessSnapshot:
        """Read until nothing happened meanwhile; what was read while things happened is not kept."""
        for _ in range(MAX_READS):
            changes = self._changes
            known = await self._read_once(key)
            if known.facts and await self._watch.follow(known.facts.workspace_id):
                continue
            if changes == self._changes:
                self._known[key] = known
                break
        return known

    async def _read_once(self, key: Key) -> AccessSnapshot:
        public_id, user_id, token_id, login_id = key
        read_at = self._now()
        async with self._database.read() as reader:
            facts = await store.facts(reader, public_id, user_id, token_id, login_id)
            ending = await store.last_session_end(reader, facts.workspace_id, facts.studio_id, facts.session_number) if facts else None
        return AccessSnapshot(facts, ending, read_at)

    def _on_event(self, event: LoggedEvent) -> None:
        self._drop(key for key, known in self._known.items() if _concerns(known, key, event))

    def _on_gap(self, workspace_id: str | None) -> None:
        """Events of the workspace (None: of the installation) may have been missed."""
        self._drop(key for key, known in self._known.items() if workspace_id is None or _is_in(known, workspace_id))

    def forget_login(self, login_id: str) -> None:
        """The browser signed out here: what came from it is looked at again now."""
        self._drop(key for key in self._known if key[3] == login_id)

    def _drop(self, keys: Iterator[Key]) -> None:
        dropped = list(keys)
        self._changes += 1
        for key in dropped:
            del self._known[key]
        self._mark([key for key in dropped if key in self._holders])

    def _mark(self, keys: list[Key]) -> None:
        if keys:
            self._dirty.update(keys)
            self._look.set()

    async def _notify_changes(self) -> None:
        while True:
            await self._look.wait()
            self._look.clear()
            while self._dirty:
                await self._notify(self._dirty.pop())

    async def _notify(self, key: Key) -> None:
        try:
            known = await self._read(key)
        except Exception:
            logger.warning("admission: the database does not answer; open streams are looked at again in a moment", exc_info=True)
            return
        now = datetime.now(UTC)
        for on_decision, grant in list(self._holders.get(key, {}).items()):
            on_decision(Decision(known.facts, self._closed) if self._closed else authorize(known, grant, now))

    async def _tick_on(self) -> None:
        """Tokens expire without an event, and events can be lost: the slow way is always there too."""
        while True:
            await asyncio.sleep(self._tick)
            now, moment = self._now(), datetime.now(UTC)
            old = [key for key, known in self._known.items() if now - known.read_at > self._kept]
            for key in old:
                del self._known[key]
            expired = [key for key in self._holders if _is_expired(self._known.get(key), moment)]
            self._mark([key for key in self._holders if key not in self._known] + expired)
            try:
                await self._watch.follow_only({known.facts.workspace_id for known in self._known.values() if known.facts})
            except Exception:
                logger.warning("admission: following the event log failed, and is tried again", exc_info=True)


def _key(grant: Grant) -> Key:
    return grant.public_id, grant.user_id, grant.token_id, grant.login_id


def _is_in(known: AccessSnapshot, workspace_id: str) -> bool:
    return known.facts is not None and known.facts.workspace_id == workspace_id


def _is_expired(known: AccessSnapshot | None, now: datetime) -> bool:
    facts = known.facts if known else None
    return facts is not None and facts.expires_at is not None and facts.expires_at <= now


def _concerns(known: AccessSnapshot, key: Key, event: LoggedEvent) -> bool:
    facts = known.facts
    if event.kind is Kind.TOKEN_REVOKED:
        return TokenRevoked.from_json(event.payload).token_id == key[2]
    if event.kind is Kind.MEMBER_CHANGED:
        return MemberChanged.from_json(event.payload).user_id == key[1]
    return facts is None or facts.studio_id == event.studio_id
