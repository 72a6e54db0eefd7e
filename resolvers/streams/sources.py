"""Describes what a stream consists of, and opens it under the viewer's right to read."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from resolvers.context import Context
from resolvers.studios import studios_by_ids
from services.domain.access import AccessFacts, Permission, Resource, decide
from services.domain.errors import BadArgument
from services.domain.events import BadCursor, Cursor, Kind
from services.live.access_watches import PermissionWatch
from services.live.log_reader import retry_read
from services.live.stream_items import EventFilter, Item
from services.live.subscription import Subscription
from services.search.selection import EVERYTHING, StudioFilter
from services.store.db.db_errors import DatabaseUnavailable
from services.store.reads import operations

READ = Permission.WORKSPACE_READ
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scope:
    """The workspace whose Studios a stream is about, or one Studio in it."""

    workspace_id: str
    studio_id: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """The events that a stream consists of. It begins after the cursor `after`, or now, with a snapshot."""

    scope: Scope
    kinds: frozenset[Kind]
    after: Cursor | None = None
    studio_filter: StudioFilter = EVERYTHING

    @property
    def event_filter(self) -> EventFilter:
        """Returns the filter of the subscription. A stream of one Studio also gets its deletion, which ends the stream."""
        kinds = self.kinds | {Kind.STUDIO_DELETED} if self.scope.studio_id else self.kinds
        return EventFilter(kinds, self.scope.studio_id)


async def workspace_scope(context: Context, workspace_id: str) -> Scope:
    """Returns the scope. Raises the same NotFound for a workspace that is absent and for one that is hidden from the viewer (B92)."""
    role = await context.services.revocation_watcher.role_of(context.viewer, workspace_id)
    decide(READ, AccessFacts(role, context.viewer.scopes)).enforce(Resource.WORKSPACE)
    return Scope(workspace_id)


async def studio_scope(context: Context, studio_id: str) -> Scope:
    """Returns the scope. Raises the same NotFound for a Studio that is absent and for one that is hidden from the viewer (B92)."""
    (studio,) = await studios_by_ids(context, [studio_id])
    if studio is None:
        raise Resource.STUDIO.not_found()
    return Scope(studio.workspace_id, studio.id)


async def operation_scope(context: Context, operation_id: str) -> Scope:
    """Returns the scope of the operation's Studio. Raises the same NotFound for an operation that is absent or hidden (B92)."""
    async with context.services.database.read() as reader:
        operation = (await operations.by_ids(reader, context.viewer.user_id, [operation_id])).get(operation_id)
    if operation is None:
        raise Resource.OPERATION.not_found()
    return Scope(operation.workspace_id, operation.studio_id)


def cursor_of(after: str | None) -> Cursor | None:
    """Returns the cursor. Raises BadArgument for text that is not a cursor of an event log; one of another log leads to a Resync."""
    if after is None:
        return None
    try:
        return Cursor.decode(after)
    except BadCursor as error:
        message = "This is not the cursor of an event. Use the cursor of a frame or an event, or `Workspace.eventCursor`."
        raise BadArgument("after", "BAD_CURSOR", message) from error


@dataclass(frozen=True, slots=True)
class AuthorizedStream:
    """An open subscription, with the watch over the viewer's right to it."""

    context: Context
    subscription: Subscription
    watch: PermissionWatch

    async def items(self) -> AsyncIterator[Item]:
        """Yields the items of the subscription. Raises Forbidden as soon as the right is lost, even if no item comes."""
        async for item in self.subscription:
            await self.check()
            yield item

    async def read(self, read: Callable[[], Awaitable[T]]) -> T:
        """Returns the result of `read`, which is repeated while the database is not available."""
        return await retry_read(read, self.context.services.broker.settings, DatabaseUnavailable)

    async def check(self) -> None:
        """Raises Forbidden if the viewer has lost the right."""
        await self.context.services.revocation_watcher.check(self.watch)


@asynccontextmanager
async def open_stream(context: Context, source: Source) -> AsyncIterator[AuthorizedStream]:
    """Opens the subscription of `source` under the viewer's right to read the workspace."""
    services, workspace_id = context.services, source.scope.workspace_id
    subscription = services.broker.subscribe(workspace_id, source.event_filter, source.after)
    permission = services.revocation_watcher.watch_permission(context.viewer, workspace_id, READ, subscription.fail)
    async with subscription, permission as watch:
        yield AuthorizedStream(context, subscription, watch)
