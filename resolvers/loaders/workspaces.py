"""Loads workspaces."""

from collections.abc import Sequence
from dataclasses import replace

from resolvers.batches import LoadContext
from resolvers.loaders.factories import list_each, one_each, unique
from services.rows.organizations import WorkspaceRow
from services.rows.studio import StudioRow
from services.store.reads import organizations as reads

by_id = one_each(reads.workspaces)
by_slug = one_each(reads.workspaces_by_slug)
of_organizations = list_each(reads.workspaces_of)


async def of_studios(context: LoadContext, studios: Sequence[StudioRow], _arguments: None) -> list[WorkspaceRow | None]:
    """Loads the workspace of each Studio, with the event cursor of the time at which the Studio was read, so that no event is missed."""
    ids = unique([studio.workspace_id for studio in studios])
    workspaces = await reads.workspaces(context.reader, context.viewer.user_id, ids)
    rows = [(workspaces.get(studio.workspace_id), studio.event_cursor) for studio in studios]
    return [replace(row, event_cursor=cursor) if row else None for row, cursor in rows]


async def name_available(context: LoadContext, names: Sequence[tuple[str, str]], _arguments: None) -> list[bool | None]:
    """Loads whether no Studio has the name, for each (workspace id, name key); None if the viewer does not see the workspace."""
    taken = [await reads.name_taken(context.reader, context.viewer.user_id, *name) for name in names]
    return [None if is_taken is None else not is_taken for is_taken in taken]
