"""What a stream is made of, and the right that it depends on."""

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
    """What a stream is about: a workspace, or one Studio in it."""

    workspace_id: str
    studio_id: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Which events a stream is made of, and where it begins: None = now, with a snapshot."""

    scope: Scope
    kinds: frozenset[Kind]
    after: Cursor | None = None
    wanted: StudioFilter = EVERYTHING

    @property
    def event_filter(self) -> EventFilter:
        """A stream of one Studio ends with it, so it wants to know."""
        kinds = self.kinds | {Kind.STUDIO_DELETED} if self.scope.studio_id else self.kinds
        return EventFilter(kinds, self.scope.studio_id)


async def workspace_scope(context: Context, workspace_id: str) -> Scope:
    """Raises NotFound, alike for what is absent and for what is hidden from the viewer (B92)."""
    role = await context.services.revocation_watcher.role_of(context.viewer, workspace_id)
    decide(READ, AccessFacts(role, context.viewer.scopes)).enforce(Resource.WORKSPACE)
    return Scope(workspace_id)


async def studio_scope(context: Context, studio_id: str) -> Scope:
    """Raises NotFound, alike for what is absent and for what is hidden from the viewer (B92)."""
    (studio,) = await studios_by_ids(context, [studio_id])
    if studio is None:
        raise Resource.STUDIO.not_found()
    return Scope(studio.workspace_id, studio.id)


async def operation_scope(context: Context, operation_id: str) -> Scope:
    """The Studio that an operation is about. Raises NotFound, alike for what is absent and for what is hidden from the viewer (B92)."""
    async with context.services.database.read() as reader:
        operation = (await operations.by_ids(reader, context.viewer.user_id, [operation_id])).get(operation_id)
    if operation is None:
        raise Resource.OPERATION.not_found()
    return Scope(operation.workspace_id, operation.studio_id)


def cursor_of(after: str | None) -> Cursor | None:
    """Raises BadArgument for text that is no cursor of a log; one of another log is answered by a Resync."""
    if after is None:
        return None
    try:
        return Cursor.decode(after)
    except BadCursor as error:
        message = "This is not the cursor of an event. Use the cursor of a frame or an event, or `Workspace.eventCursor`."
        raise BadArgument("after", "BAD_CURSOR", message) from error


@dataclass(frozen=True, slots=True)
class Watched:
    """An open subscription, and the right that every frame of it needs."""

    context: Context
    subscription: Subscription
    watch: PermissionWatch

    async def items(self) -> AsyncIterator[Item]:
        """What comes, while the right lasts. Raises Forbidden when it is lost, also when nothing comes."""
        async for item in self.subscription:
            await self.check()
            yield item

    async def read(self, read: Callable[[], Awaitable[T]]) -> T:
        """The answer of `read`, waited for while the database is away."""
        return await retry_read(read, self.context.services.broker.settings, DatabaseUnavailable)

    async def check(self) -> None:
        """Raise Forbidden if the right is gone."""
        await self.context.services.revocation_watcher.check(self.watch)


@asynccontextmanager
async def watched(context: Context, source: Source) -> AsyncIterator[Watched]:
    """The subscription of `source`, entered, under the viewer's right to read."""
    services, workspace_id = context.services, source.scope.workspace_id
    subscription = services.broker.subscribe(workspace_id, source.event_filter, source.after)
    watch = services.revocation_watcher.watch_permission(context.viewer, workspace_id, READ, subscription.fail)
    async with subscription, watch as held:
        yield Watched(context, subscription, held)
