"""What can be watched. A scope that the viewer does not see is refused before the first frame, like one that is absent (B92)."""

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry

from resolvers.context import Context
from resolvers.loads.logs import log_arguments
from resolvers.streams import logs, outputs, states, stats
from resolvers.streams.sources import Scope, Source, cursor_of, operation_scope, studio_scope, workspace_scope
from schema.authorized import AuthorizedViewer, stream
from schema.ids import given_id
from schema.scalars import Cursor
from schema.types.frames import ConnectedUsersFrame, ConnectionErrorFrame, LogFrame, StudioEventFrame, StudioListFrame, StudioStatusFrame
from schema.types.logs import FromOffset
from schema.types.logs import Source as WhichSource
from schema.types.operation import Operation
from schema.types.stats import SessionStats
from schema.types.studio_list import Filter, StudioFilter, selection_of
from services.domain.access import Permission
from services.domain.events import Kind

READ = Permission.WORKSPACE_READ
NOTHING: frozenset[Kind] = frozenset()
"""Of the log, a stream of one Studio that is not made of events needs only its deletion."""


@strawberry.input(one_of=True, description="What a stream is about: all Studios of a workspace, or one Studio.")
class StudioScope:
    """One of the two."""

    workspace_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="All Studios of this workspace.")
    studio_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="This Studio; the stream ends with it.")


WhichStudios = Annotated[StudioScope, strawberry.argument(description="A workspace or a Studio.")]
GoOnAfter = Annotated[
    Cursor | None,
    strawberry.argument(description="Give what came after this cursor, instead of a snapshot and what comes from now on."),
]
EventFilter = Annotated[
    StudioFilter | None,
    strawberry.argument(
        description="The events of which Studios: those that match when the event is given; deletions always. All if it is not given."
    ),
]
WorkspaceId = Annotated[strawberry.ID, strawberry.argument(description="The id of a workspace.")]
StudioId = Annotated[strawberry.ID, strawberry.argument(description="The id of a Studio.")]
OperationId = Annotated[strawberry.ID, strawberry.argument(description="The id of an operation.")]


@strawberry.type(description="What can be watched.")
class Subscription:
    """Subscriptions. Log streams give each event once and in order; state streams give what is newest."""

    @stream("Each change of status, once and in order; a snapshot first, unless `after` is given.", READ)
    async def studio_status_changed(
        self, viewer: AuthorizedViewer, scope: WhichStudios, after: GoOnAfter = None
    ) -> AsyncGenerator[StudioStatusFrame, None]:
        source = Source(await _scope(viewer.context, scope), logs.STATUS_KINDS, cursor_of(after))
        return logs.with_snapshot(viewer.context, source)

    @stream("Everything that happens to Studios, once and in order; a snapshot first, unless `after` is given.", READ)
    async def studio_events(
        self,
        viewer: AuthorizedViewer,
        scope: WhichStudios,
        filter: EventFilter = None,  # noqa: A002 - the contract's word
        after: GoOnAfter = None,
    ) -> AsyncGenerator[StudioEventFrame, None]:
        source = Source(await _scope(viewer.context, scope), logs.ALL_KINDS, cursor_of(after), selection_of(filter))
        return logs.with_snapshot(viewer.context, source)

    @stream("Each connection to a session that was ended by others, or is about to be. A Heartbeat first, unless `after` is given.", READ)
    async def connection_errors(
        self, viewer: AuthorizedViewer, scope: WhichStudios, after: GoOnAfter = None
    ) -> AsyncGenerator[ConnectionErrorFrame, None]:
        source = Source(await _scope(viewer.context, scope), logs.ERROR_KINDS, cursor_of(after))
        return logs.without_snapshot(viewer.context, source)

    @stream("The list of Studios: all of it first, then what enters it, changes in it and leaves it.", READ)
    async def studios(
        self,
        viewer: AuthorizedViewer,
        workspace_id: WorkspaceId,
        filter: Filter = None,  # noqa: A002 - the contract's word
    ) -> AsyncGenerator[StudioListFrame, None]:
        scope = await workspace_scope(viewer.context, given_id(workspace_id, "Workspace", "workspaceId"))
        return states.studio_list(viewer.context, Source(scope, states.LIST_KINDS, wanted=selection_of(filter)))

    @stream("Who is connected to a Studio's session: all of them, again whenever somebody comes or goes.", READ)
    async def connected_users(self, viewer: AuthorizedViewer, studio_id: StudioId) -> AsyncGenerator[ConnectedUsersFrame, None]:
        scope = await studio_scope(viewer.context, given_id(studio_id, "Studio", "studioId"))
        return states.connected_users(viewer.context, Source(scope, states.PRESENCE_KINDS))

    @stream(
        "What a Studio's running session uses: the newest measurement, then each newer one. Waits while it does not run; ends with it.",
        READ,
    )
    async def studio_stats(self, viewer: AuthorizedViewer, studio_id: StudioId) -> AsyncGenerator[SessionStats, None]:
        scope = await studio_scope(viewer.context, given_id(studio_id, "Studio", "studioId"))
        return stats.studio_stats(viewer.context, Source(scope, NOTHING))

    @stream(
        "What a Studio's current session, or the build of its image, prints: all that is kept first, then as it comes, until it ends. "
        "The next session is another stream.",
        READ,
    )
    async def studio_logs(
        self, viewer: AuthorizedViewer, studio_id: StudioId, source: WhichSource = None, after_offset: FromOffset = None
    ) -> AsyncGenerator[LogFrame, None]:
        offset = log_arguments(None, after_offset).after or 0
        scope = await studio_scope(viewer.context, given_id(studio_id, "Studio", "studioId"))
        return outputs.studio_logs(viewer.context, Source(scope, outputs.KINDS), source, offset)

    @stream("The record of one action: as it stands, again whenever it changes, until it has ended.", READ)
    async def operation_progress(self, viewer: AuthorizedViewer, operation_id: OperationId) -> AsyncGenerator[Operation, None]:
        row_id = given_id(operation_id, "Operation", "operationId")
        source = Source(await operation_scope(viewer.context, row_id), states.OPERATION_KINDS)
        return states.operation_progress(viewer.context, source, row_id)


async def _scope(context: Context, given: StudioScope) -> Scope:
    if given.studio_id:
        return await studio_scope(context, given_id(given.studio_id, "Studio", "scope"))
    return await workspace_scope(context, given_id(given.workspace_id, "Workspace", "scope"))
