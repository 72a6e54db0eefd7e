"""The root type Subscription. A scope hidden from the viewer is refused before the first frame, like one that does not exist (B92)."""

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry

from resolvers.context import Context
from resolvers.loaders.logs import log_arguments
from resolvers.streams import logs, outputs, states, stats
from resolvers.streams.sources import Scope, Source, cursor_of, operation_scope, studio_scope, workspace_scope
from schema.authorized import AuthorizedViewer, stream
from schema.ids import argument_id
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


@strawberry.input(one_of=True, description="The Studios that a stream covers: all of a workspace, or one. Exactly one field must be given.")
class StudioScope:
    """One of the two."""

    workspace_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="The id of a workspace; the stream covers all its Studios. Omitted if `studioId` is given."
    )
    studio_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="The id of a Studio; the stream covers only this one and ends when it is deleted. Omitted if `workspaceId` is given.",
    )


WhichStudios = Annotated[StudioScope, strawberry.argument(description="The Studios that the stream covers.")]
GoOnAfter = Annotated[
    Cursor | None,
    strawberry.argument(
        description="The cursor after which the stream continues, for example after a lost connection. If omitted or null, the stream "
        "begins at the present time."
    ),
]
EventFilter = Annotated[
    StudioFilter | None,
    strawberry.argument(
        description="Selects events by their Studio, which must match when the event is sent; deletions are always sent. If omitted or "
        "null, events of all Studios are sent."
    ),
]
WorkspaceId = Annotated[strawberry.ID, strawberry.argument(description="The id of the workspace.")]
StudioId = Annotated[strawberry.ID, strawberry.argument(description="The id of the Studio.")]
OperationId = Annotated[strawberry.ID, strawberry.argument(description="The id of the operation.")]


@strawberry.type(description="The streams that clients can subscribe to.")
class Subscription:
    """Subscriptions. Log streams give each event once and in order; state streams give what is newest."""

    @stream("Every change of the status of a Studio, once and in order. A snapshot comes first, unless `after` is given.", READ)
    async def studio_status_changed(
        self, viewer: AuthorizedViewer, scope: WhichStudios, after: GoOnAfter = None
    ) -> AsyncGenerator[StudioStatusFrame, None]:
        source = Source(await _scope(viewer.context, scope), logs.STATUS_KINDS, cursor_of(after))
        return logs.with_snapshot(viewer.context, source)

    @stream("Every event of the Studios, once and in order. A snapshot comes first, unless `after` is given.", READ)
    async def studio_events(
        self,
        viewer: AuthorizedViewer,
        scope: WhichStudios,
        filter: EventFilter = None,  # noqa: A002 - the contract's word
        after: GoOnAfter = None,
    ) -> AsyncGenerator[StudioEventFrame, None]:
        source = Source(await _scope(viewer.context, scope), logs.ALL_KINDS, cursor_of(after), selection_of(filter))
        return logs.with_snapshot(viewer.context, source)

    @stream(
        "Every end of connections to a session, and every warning before one, once and in order. A Heartbeat comes first, unless `after` "
        "is given.",
        READ,
    )
    async def connection_errors(
        self, viewer: AuthorizedViewer, scope: WhichStudios, after: GoOnAfter = None
    ) -> AsyncGenerator[ConnectionErrorFrame, None]:
        source = Source(await _scope(viewer.context, scope), logs.ERROR_KINDS, cursor_of(after))
        return logs.without_snapshot(viewer.context, source)

    @stream(
        "A list of Studios that is kept current. The whole list comes first, then a frame for each Studio that enters the list, changes "
        "or leaves it.",
        READ,
    )
    async def studios(
        self,
        viewer: AuthorizedViewer,
        workspace_id: WorkspaceId,
        filter: Filter = None,  # noqa: A002 - the contract's word
    ) -> AsyncGenerator[StudioListFrame, None]:
        scope = await workspace_scope(viewer.context, argument_id(workspace_id, "Workspace", "workspaceId"))
        return states.studio_list(viewer.context, Source(scope, states.LIST_KINDS, studio_filter=selection_of(filter)))

    @stream(
        "The users who are connected to the session of a Studio: all of them at first, and again after every change. Ends when the Studio "
        "is deleted.",
        READ,
    )
    async def connected_users(self, viewer: AuthorizedViewer, studio_id: StudioId) -> AsyncGenerator[ConnectedUsersFrame, None]:
        scope = await studio_scope(viewer.context, argument_id(studio_id, "Studio", "studioId"))
        return states.connected_users(viewer.context, Source(scope, states.PRESENCE_KINDS))

    @stream(
        "What the running session of a Studio uses: the newest measurement at first, then every newer one. Waits while the Studio is not "
        "running. Ends when the Studio is deleted.",
        READ,
    )
    async def studio_stats(self, viewer: AuthorizedViewer, studio_id: StudioId) -> AsyncGenerator[SessionStats, None]:
        scope = await studio_scope(viewer.context, argument_id(studio_id, "Studio", "studioId"))
        return stats.studio_stats(viewer.context, Source(scope, NOTHING))

    @stream(
        "The output of the current session of a Studio, or of the build of its image: the stored output at first, then new output, until "
        "it ends. The next session needs another subscription.",
        READ,
    )
    async def studio_logs(
        self, viewer: AuthorizedViewer, studio_id: StudioId, source: WhichSource = None, after_offset: FromOffset = None
    ) -> AsyncGenerator[LogFrame, None]:
        offset = log_arguments(None, after_offset).after or 0
        scope = await studio_scope(viewer.context, argument_id(studio_id, "Studio", "studioId"))
        return outputs.studio_logs(viewer.context, Source(scope, outputs.KINDS), source, offset)

    @stream("An operation: its present state at first, and again after every change, until it has ended.", READ)
    async def operation_progress(self, viewer: AuthorizedViewer, operation_id: OperationId) -> AsyncGenerator[Operation, None]:
        row_id = argument_id(operation_id, "Operation", "operationId")
        source = Source(await operation_scope(viewer.context, row_id), states.OPERATION_KINDS)
        return states.operation_progress(viewer.context, source, row_id)


async def _scope(context: Context, scope: StudioScope) -> Scope:
    if scope.studio_id:
        return await studio_scope(context, argument_id(scope.studio_id, "Studio", "scope"))
    return await workspace_scope(context, argument_id(scope.workspace_id, "Workspace", "scope"))
