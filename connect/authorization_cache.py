"""Caches access decisions for at most 30 s, drops them when an event concerns them, and notifies open requests (B56, B59)."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import datetime

from connect.access_errors import AccessError
from connect.access_events import AccessEvents
from connect.authorization import AccessSnapshot, Decision, authorize
from connect.session_grants import Grant
from services.domain.event_payloads import MemberChanged, TokenRevoked
from services.domain.events import Kind, LoggedEvent
from services.live.broker import Broker
from services.store import access_facts as store
from services.store.db.database import Database

logger = logging.getLogger(__name__)

MAX_AGE_SECONDS = 30.0
"""The longest time that a cached snapshot is used. Events drop it earlier; this bounds the effect of a lost event."""
TICK_SECONDS = 1.0
MAX_READS = 5
"""The number of reads of one snapshot, if events keep coming in between."""

Key = tuple[str, str, str, str | None]
OnDecision = Callable[[Decision], None]


class AuthorizationCache:
    """Returns a decision for each request and WebSocket. Open ones register, and are notified when their decision may have changed."""

    def __init__(self, database: Database, broker: Broker, *, max_age: float = MAX_AGE_SECONDS, tick: float = TICK_SECONDS) -> None:
        self._database = database
        self._max_age = max_age
        self._tick = tick
        self._snapshots: dict[Key, AccessSnapshot] = {}
        self._reading: dict[Key, asyncio.Task[AccessSnapshot]] = {}
        self._holders: dict[Key, dict[OnDecision, Grant]] = {}
        self._changes = 0
        self._closed: AccessError | None = None
        self._dirty: set[Key] = set()
        self._wake = asyncio.Event()
        self._watch = AccessEvents(broker, self._on_event, self._on_gap)
        self._closing = AsyncExitStack()

    async def start(self) -> None:
        await self._watch.start()
        for work in (self._notify_changes, self._tick_on):
            task = asyncio.create_task(work(), name=f"authorization {work.__name__}")
            self._closing.callback(task.cancel)

    async def close(self) -> None:
        await self._closing.aclose()
        await self._watch.close()

    async def decision(self, grant: Grant) -> Decision:
        """Returns whether the holder of `grant` may use its session now. Needs no statement while the cached facts are fresh."""
        if self._closed:
            return Decision(None, self._closed)
        snapshot = self._snapshots.get(_key(grant))
        if snapshot is None or self._now() - snapshot.read_at > self._max_age:
            snapshot = await self._read(_key(grant))
        return authorize(snapshot, grant, self._database.now())

    def end_all(self, refusal: AccessError) -> None:
        """Ends all open requests, and refuses all new ones, with `refusal`: the server stops."""
        self._closed = refusal
        for holders in list(self._holders.values()):
            for on_decision in list(holders):
                on_decision(Decision(None, refusal))

    def now(self) -> datetime:
        """Returns the database's time, by which rights end."""
        return self._database.now()

    async def read_uncached(self, public_id: str, user_id: str, token_id: str, login_id: str | None) -> AccessSnapshot:
        """Returns what the database holds now, without the cache: for a user who has no cookie of the session yet."""
        return await self._read_once((public_id, user_id, token_id, login_id))

    @contextmanager
    def active(self, grant: Grant, on_decision: OnDecision) -> Iterator[None]:
        """Calls `on_decision` with the decision whenever it may have changed, until the context ends. It must not block."""
        key = _key(grant)
        self._holders.setdefault(key, {})[on_decision] = grant
        if key not in self._snapshots:
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
        """Reads the facts; calls at the same time share one read."""
        task = self._reading.get(key)
        if task is None:
            task = self._reading[key] = asyncio.create_task(self._read_settled(key))
            task.add_done_callback(lambda _: self._reading.pop(key, None))
        return await asyncio.shield(task)

    async def _read_settled(self, key: Key) -> AccessSnapshot:
        """Reads until no event came during the read. A result that an event overtook is returned, and not cached."""
        for _ in range(MAX_READS):
            changes = self._changes
            snapshot = await self._read_once(key)
            if snapshot.facts and await self._watch.follow(snapshot.facts.workspace_id):
                continue
            if changes == self._changes:
                self._snapshots[key] = snapshot
                break
        return snapshot

    async def _read_once(self, key: Key) -> AccessSnapshot:
        public_id, user_id, token_id, login_id = key
        read_at = self._now()
        async with self._database.read() as reader:
            facts = await store.facts(reader, public_id, user_id, token_id, login_id)
            ending = await store.last_session_end(reader, facts.workspace_id, facts.studio_id, facts.session_number) if facts else None
        return AccessSnapshot(facts, ending, read_at)

    def _on_event(self, event: LoggedEvent) -> None:
        self._drop(key for key, snapshot in self._snapshots.items() if _concerns(snapshot, key, event))

    def _on_gap(self, workspace_id: str | None) -> None:
        """Events of the workspace (None: of the installation) may have been missed."""
        self._drop(key for key, snapshot in self._snapshots.items() if workspace_id is None or _is_in(snapshot, workspace_id))

    def forget_login(self, login_id: str) -> None:
        """Drops the decisions of a browser that signed out through this process."""
        self._drop(key for key in self._snapshots if key[3] == login_id)

    def _drop(self, keys: Iterator[Key]) -> None:
        dropped = list(keys)
        self._changes += 1
        for key in dropped:
            del self._snapshots[key]
        self._mark([key for key in dropped if key in self._holders])

    def _mark(self, keys: list[Key]) -> None:
        if keys:
            self._dirty.update(keys)
            self._wake.set()

    async def _notify_changes(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._dirty:
                await self._notify(self._dirty.pop())

    async def _notify(self, key: Key) -> None:
        try:
            snapshot = await self._read(key)
        except Exception:
            logger.warning("authorization: the database does not answer; open requests are checked again in a moment", exc_info=True)
            return
        now = self._database.now()
        for on_decision, grant in list(self._holders.get(key, {}).items()):
            on_decision(Decision(snapshot.facts, self._closed) if self._closed else authorize(snapshot, grant, now))

    async def _tick_on(self) -> None:
        """Checks again, every tick, what no event announces: tokens that expire, snapshots that are too old, events that were lost."""
        while True:
            await asyncio.sleep(self._tick)
            now, moment = self._now(), self._database.now()
            old = [key for key, snapshot in self._snapshots.items() if now - snapshot.read_at > self._max_age]
            for key in old:
                del self._snapshots[key]
            expired = [key for key in self._holders if _is_expired(self._snapshots.get(key), moment)]
            self._mark([key for key in self._holders if key not in self._snapshots] + expired)
            try:
                await self._watch.follow_only({snapshot.facts.workspace_id for snapshot in self._snapshots.values() if snapshot.facts})
            except Exception:
                logger.warning("authorization: following the event log failed, and is tried again", exc_info=True)


def _key(grant: Grant) -> Key:
    return grant.public_id, grant.user_id, grant.token_id, grant.login_id


def _is_in(snapshot: AccessSnapshot, workspace_id: str) -> bool:
    return snapshot.facts is not None and snapshot.facts.workspace_id == workspace_id


def _is_expired(snapshot: AccessSnapshot | None, now: datetime) -> bool:
    facts = snapshot.facts if snapshot else None
    return facts is not None and facts.expires_at is not None and facts.expires_at <= now


def _concerns(snapshot: AccessSnapshot, key: Key, event: LoggedEvent) -> bool:
    facts = snapshot.facts
    if event.kind is Kind.TOKEN_REVOKED:
        return TokenRevoked.from_json(event.payload).token_id == key[2]
    if event.kind is Kind.MEMBER_CHANGED:
        return MemberChanged.from_json(event.payload).user_id == key[1]
    return facts is None or facts.studio_id == event.studio_id
