"""Ends streams whose token was revoked or whose viewer lost the role, within seconds and in all processes (B59, B94).

It observes the installation's event stream once for the whole process, and checks everything again every RECHECK_SECONDS.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from services.domain.access import Permission, Role, Viewer
from services.domain.errors import DomainError
from services.domain.event_payloads import MemberChanged, TokenRevoked
from services.domain.events import INSTALLATION_STREAM, Kind, LoggedEvent
from services.live.access_watches import PermissionWatch, TokenWatch, WorkspaceWatch, permission_error
from services.live.broker import Broker, EventObserver
from services.live.cancelled_tasks import CancelledTasks
from services.live.log_reader import retry_read
from services.live.stream_items import EventFilter
from services.store import rights
from services.store.db.database import Database, Reader
from services.store.rights import MembershipKey

RECHECK_SECONDS = 30.0
REVOCATIONS = EventFilter(kinds=frozenset({Kind.TOKEN_REVOKED, Kind.MEMBER_CHANGED}))
MEMBERSHIP_CHANGES = EventFilter(kinds=frozenset({Kind.MEMBER_CHANGED}))
T = TypeVar("T")


class RevocationWatcher:
    """Watches tokens and roles; one in each process. A role is cached only while events about its changes are received."""

    def __init__(self, broker: Broker, database: Database, *, recheck_seconds: float = RECHECK_SECONDS) -> None:
        self._broker = broker
        self._database = database
        self._recheck_seconds = recheck_seconds
        self._tokens: dict[str, TokenWatch] = {}
        self._roles: dict[MembershipKey, Role | None] = {}
        self._permission_watches: dict[MembershipKey, set[PermissionWatch]] = {}
        self._workspaces: dict[str, WorkspaceWatch] = {}
        self._change_count = 0
        self._is_attached = False
        self._recheck_at = 0.0
        self._unchecked_tokens: set[str] = set()
        self._unchecked_memberships: set[MembershipKey] = set()
        self._check_due = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._cancelled_tasks = CancelledTasks()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._watch(), name="revocation watcher")

    async def close(self) -> None:
        """Stops watching. The watcher does not use the database afterwards."""
        self._cancelled_tasks.cancel(self._task)
        await self._cancelled_tasks.wait()

    async def token_ended(self, viewer: Viewer) -> None:
        """Returns once the viewer's token is revoked or expired."""
        watch = self._watch_of(viewer)
        watch.users += 1
        try:
            await watch.ended.wait()
        finally:
            watch.users -= 1
            if not watch.users:
                self._forget(watch)

    async def role_of(self, viewer: Viewer, workspace_id: str) -> Role | None:
        """Returns the viewer's present role in the workspace, None for no member. Raises DatabaseUnavailable."""
        key = (workspace_id, viewer.user_id)
        if key in self._roles:
            return self._roles[key]
        count_before = self._change_count
        async with self._database.read(reserved=True) as reader:
            role = (await rights.roles(reader, [key])).get(key)
        if self._is_attached and count_before == self._change_count:
            self._roles[key] = role
        return role

    @asynccontextmanager
    async def watch_permission(
        self, viewer: Viewer, workspace_id: str, permission: Permission, on_lost: Callable[[DomainError], None]
    ) -> AsyncIterator[PermissionWatch]:
        """Calls `on_lost` when the viewer loses the permission. Role changes are noticed in the order of the workspace's events."""
        watch = PermissionWatch(viewer, workspace_id, permission, on_lost)
        async with self._watch_workspace(workspace_id):
            self._permission_watches.setdefault(watch.membership_key, set()).add(watch)
            try:
                watch.check_role(await self._role(watch))
                yield watch
            finally:
                self._permission_watches[watch.membership_key].discard(watch)
                if not self._permission_watches[watch.membership_key]:
                    del self._permission_watches[watch.membership_key]

    async def check(self, watch: PermissionWatch) -> None:
        """Raises Forbidden if the permission was lost. Called for every event sent; reads the database only after a change."""
        error = permission_error(watch.permission, await self._role(watch), watch.viewer)
        if error:
            raise error

    async def _role(self, watch: PermissionWatch) -> Role | None:
        """Returns the role for an open stream. While the database is away it waits: nothing is sent, and the stream does not end."""
        return await retry_read(lambda: self.role_of(watch.viewer, watch.workspace_id), self._broker.settings)

    @asynccontextmanager
    async def _watch_workspace(self, workspace_id: str) -> AsyncIterator[None]:
        """Observes a workspace's event stream once, however many permission watches it has."""
        watch = self._workspaces.get(workspace_id)
        if watch is None:
            invalidate = partial(self._invalidate_workspace, workspace_id)
            observer = EventObserver(MEMBERSHIP_CHANGES, self._on_event, on_reset=invalidate)
            watch = self._workspaces[workspace_id] = WorkspaceWatch(self._broker.observe(observer, workspace_id))
            watch.start(on_attached=invalidate)
        watch.users += 1
        try:
            await watch.attached.wait()
            yield
        finally:
            watch.users -= 1
            if not watch.users:
                self._cancelled_tasks.cancel(watch.task)
                del self._workspaces[workspace_id]

    def _watch_of(self, viewer: Viewer) -> TokenWatch:
        watch = self._tokens.get(viewer.token_id)
        if watch is None:
            watch = self._tokens[viewer.token_id] = TokenWatch(viewer)
            if viewer.expires_at:
                left = (viewer.expires_at - self._database.now()).total_seconds()
                watch.timer = asyncio.get_running_loop().call_later(max(left, 0), watch.end)
            self._unchecked_tokens.add(viewer.token_id)
            self._check_due.set()
        return watch

    def _forget(self, watch: TokenWatch) -> None:
        if watch.timer:
            watch.timer.cancel()
        if self._tokens.get(watch.viewer.token_id) is watch:
            del self._tokens[watch.viewer.token_id]

    async def _watch(self) -> None:
        observer = EventObserver(REVOCATIONS, self._on_event, on_reset=self._invalidate_all)
        async with self._broker.observe(observer, INSTALLATION_STREAM):
            self._is_attached = True
            try:
                self._invalidate_all()
                while True:
                    await self._wait_until_due()
                    await self._check_tokens()
                    await self._check_roles()
            finally:
                self._is_attached = False
                self._roles.clear()

    async def _wait_until_due(self) -> None:
        try:
            async with asyncio.timeout_at(self._recheck_at):
                await self._check_due.wait()
        except TimeoutError:
            self._invalidate_all()
        self._check_due.clear()

    async def _check_tokens(self) -> None:
        """Ends the unchecked tokens that are no longer valid: they may have been revoked before the watcher was attached."""
        unchecked, self._unchecked_tokens = self._unchecked_tokens & self._tokens.keys(), set()
        if unchecked:
            valid = await self._read(lambda reader: rights.valid_tokens(reader, unchecked, self._database.now()))
            for token_id in unchecked - valid:
                self._end_token(token_id)

    async def _check_roles(self) -> None:
        unchecked, self._unchecked_memberships = self._unchecked_memberships & self._permission_watches.keys(), set()
        if not unchecked:
            return
        count_before = self._change_count
        roles = await self._read(lambda reader: rights.roles(reader, unchecked))
        if count_before != self._change_count:
            self._unchecked_memberships |= unchecked
            self._check_due.set()
            return
        for key in unchecked:
            self._roles[key] = roles.get(key)
            for watch in list(self._permission_watches.get(key, ())):
                watch.check_role(roles.get(key))

    def _on_event(self, event: LoggedEvent) -> None:
        if event.kind is Kind.TOKEN_REVOKED:
            self._end_token(TokenRevoked.from_json(event.payload).token_id)
        else:
            payload = MemberChanged.from_json(event.payload)
            self._invalidate((payload.workspace_id or event.stream_id, payload.user_id))

    def _invalidate_all(self) -> None:
        """Discards everything cached, because events may have been missed."""
        self._recheck_at = asyncio.get_running_loop().time() + self._recheck_seconds
        self._change_count += 1
        self._roles.clear()
        self._unchecked_memberships.update(self._permission_watches)
        self._unchecked_tokens.update(self._tokens)
        self._check_due.set()

    def _invalidate(self, key: MembershipKey) -> None:
        self._change_count += 1
        self._roles.pop(key, None)
        if key in self._permission_watches:
            self._unchecked_memberships.add(key)
            self._check_due.set()

    def _invalidate_workspace(self, workspace_id: str) -> None:
        """Discards everything cached of one workspace."""
        for key in {*self._roles, *self._permission_watches}:
            if key[0] == workspace_id:
                self._invalidate(key)
        self._change_count += 1

    def _end_token(self, token_id: str) -> None:
        if watch := self._tokens.get(token_id):
            watch.end()

    async def _read(self, read: Callable[[Reader], Awaitable[T]]) -> T:
        async def once() -> T:
            async with self._database.read(reserved=True) as reader:
                return await read(reader)

        return await retry_read(once, self._broker.settings)
