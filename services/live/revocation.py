"""Ends what lost its right: knows within a moment when a token is revoked or a role changes, anywhere (B59, B94).

It listens to the installation's stream once for the whole process, and looks at everything again every 30 s without it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from services.domain.access import Permission, Role, Viewer
from services.domain.errors import DomainError
from services.domain.event_payloads import MemberChanged, TokenRevoked
from services.domain.events import INSTALLATION_STREAM, Kind, LoggedEvent
from services.live.broker import Broker, Tap
from services.live.guards import Guard, Hearing, TokenWatch, missing
from services.live.log_reader import persistently
from services.live.stream_items import EventMatch
from services.live.task_cleanup import TaskCleanup
from services.store import rights
from services.store.db.database import Database, Reader
from services.store.rights import MembershipKey

RECHECK_SECONDS = 30.0
REVOCATIONS = EventMatch(kinds=frozenset({Kind.TOKEN_REVOKED, Kind.MEMBER_CHANGED}))
MEMBERS = EventMatch(kinds=frozenset({Kind.MEMBER_CHANGED}))
T = TypeVar("T")


class RevocationWatcher:
    """One in each process. A role is kept in memory only while changes to it are heard of."""

    def __init__(self, broker: Broker, database: Database, *, recheck_seconds: float = RECHECK_SECONDS) -> None:
        self._broker = broker
        self._database = database
        self._recheck_seconds = recheck_seconds
        self._tokens: dict[str, TokenWatch] = {}
        self._roles: dict[MembershipKey, Role | None] = {}
        self._guards: dict[MembershipKey, set[Guard]] = {}
        self._workspaces: dict[str, Hearing] = {}
        self._changes = 0
        self._hears = False
        self._recheck_at = 0.0
        self._new_tokens: set[str] = set()
        self._stale: set[MembershipKey] = set()
        self._work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._ending = TaskCleanup()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._watch(), name="revocation_watcher")

    async def close(self) -> None:
        """Nothing of it uses the database afterwards."""
        self._ending.end(self._task)
        await self._ending.wait()

    async def token_ended(self, viewer: Viewer) -> None:
        """Return once the viewer's token is revoked or expired."""
        watch = self._watch_of(viewer)
        watch.users += 1
        try:
            await watch.ended.wait()
        finally:
            watch.users -= 1
            if not watch.users:
                self._forget(watch)

    async def role_of(self, viewer: Viewer, workspace_id: str) -> Role | None:
        """The viewer's role as it is; None = not a member. Raises DatabaseUnavailable."""
        key = (workspace_id, viewer.user_id)
        if key in self._roles:
            return self._roles[key]
        before = self._changes
        async with self._database.read() as reader:
            role = (await rights.roles(reader, [key])).get(key)
        if self._hears and before == self._changes:
            self._roles[key] = role
        return role

    @asynccontextmanager
    async def guard(
        self, viewer: Viewer, workspace_id: str, permission: Permission, on_lost: Callable[[DomainError], None]
    ) -> AsyncIterator[Guard]:
        """Have `on_lost` called when the viewer loses the right; within it, changes are heard of in the order of the workspace's events."""
        guard = Guard(viewer, workspace_id, permission, on_lost)
        async with self._hearing(workspace_id):
            self._guards.setdefault(guard.membership_key, set()).add(guard)
            try:
                guard.judge(await self._role(guard))
                yield guard
            finally:
                self._guards[guard.membership_key].discard(guard)
                if not self._guards[guard.membership_key]:
                    del self._guards[guard.membership_key]

    async def check(self, guard: Guard) -> None:
        """Raise Forbidden if the right is gone; no statement unless something changed. For each event that is shown."""
        error = missing(guard.permission, await self._role(guard), guard.viewer)
        if error:
            raise error

    async def _role(self, guard: Guard) -> Role | None:
        """For what is open: while the database is away, nothing is shown and nothing ends."""
        return await persistently(lambda: self.role_of(guard.viewer, guard.workspace_id), self._broker.timing)

    @asynccontextmanager
    async def _hearing(self, workspace_id: str) -> AsyncIterator[None]:
        """One tap on a workspace's stream, however many guards there are."""
        hearing = self._workspaces.get(workspace_id)
        if hearing is None:
            doubt = partial(self._doubt, workspace_id)
            hearing = self._workspaces[workspace_id] = Hearing(self._broker.tap(Tap(MEMBERS, self._on_event, doubt), workspace_id))
            hearing.begin(on_begun=doubt)
        hearing.users += 1
        try:
            await hearing.begun.wait()
            yield
        finally:
            hearing.users -= 1
            if not hearing.users:
                self._ending.end(hearing.task)
                del self._workspaces[workspace_id]

    def _watch_of(self, viewer: Viewer) -> TokenWatch:
        watch = self._tokens.get(viewer.token_id)
        if watch is None:
            watch = self._tokens[viewer.token_id] = TokenWatch(viewer)
            if viewer.expires_at:
                left = (viewer.expires_at - datetime.now(UTC)).total_seconds()
                watch.timer = asyncio.get_running_loop().call_later(max(left, 0), watch.end)
            self._new_tokens.add(viewer.token_id)
            self._work.set()
        return watch

    def _forget(self, watch: TokenWatch) -> None:
        if watch.timer:
            watch.timer.cancel()
        if self._tokens.get(watch.viewer.token_id) is watch:
            del self._tokens[watch.viewer.token_id]

    async def _watch(self) -> None:
        async with self._broker.tap(Tap(REVOCATIONS, self._on_event, self._on_cut), INSTALLATION_STREAM):
            self._hears = True
            try:
                self._on_cut()
                while True:
                    await self._wait_for_work()
                    await self._check_tokens()
                    await self._check_roles()
            finally:
                self._hears = False
                self._roles.clear()

    async def _wait_for_work(self) -> None:
        try:
            async with asyncio.timeout_at(self._recheck_at):
                await self._work.wait()
        except TimeoutError:
            self._on_cut()
        self._work.clear()

    async def _check_tokens(self) -> None:
        """Those that are new here may have ended before we listened."""
        asked, self._new_tokens = self._new_tokens & self._tokens.keys(), set()
        if asked:
            valid = await self._read(lambda reader: rights.valid_tokens(reader, asked, datetime.now(UTC)))
            for token_id in asked - valid:
                self._end_token(token_id)

    async def _check_roles(self) -> None:
        asked, self._stale = self._stale & self._guards.keys(), set()
        if not asked:
            return
        before = self._changes
        found = await self._read(lambda reader: rights.roles(reader, asked))
        if before != self._changes:
            self._stale |= asked
            self._work.set()
            return
        for key in asked:
            self._roles[key] = found.get(key)
            for guard in list(self._guards.get(key, ())):
                guard.judge(found.get(key))

    def _on_event(self, event: LoggedEvent) -> None:
        if event.kind is Kind.TOKEN_REVOKED:
            self._end_token(TokenRevoked.from_json(event.payload).token_id)
        else:
            payload = MemberChanged.from_json(event.payload)
            self._invalidate((payload.workspace_id or event.stream_id, payload.user_id))

    def _on_cut(self) -> None:
        """Something may have been missed: nothing that is known counts."""
        self._recheck_at = asyncio.get_running_loop().time() + self._recheck_seconds
        self._changes += 1
        self._roles.clear()
        self._stale.update(self._guards)
        self._new_tokens.update(self._tokens)
        self._work.set()

    def _invalidate(self, key: MembershipKey) -> None:
        self._changes += 1
        self._roles.pop(key, None)
        if key in self._guards:
            self._stale.add(key)
            self._work.set()

    def _doubt(self, workspace_id: str) -> None:
        """The same for one workspace."""
        for key in {*self._roles, *self._guards}:
            if key[0] == workspace_id:
                self._invalidate(key)
        self._changes += 1

    def _end_token(self, token_id: str) -> None:
        if watch := self._tokens.get(token_id):
            watch.end()

    async def _read(self, read: Callable[[Reader], Awaitable[T]]) -> T:
        async def once() -> T:
            async with self._database.read() as reader:
                return await read(reader)

        return await persistently(once, self._broker.timing)
