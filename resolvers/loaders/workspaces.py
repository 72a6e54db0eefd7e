"""Workspaces."""

from collections.abc import Sequence
from dataclasses import replace

from resolvers.batches import Reading
from resolvers.loaders.factories import list_each, one_each, unique
from services.rows.organizations import WorkspaceRow
from services.rows.studio import StudioRow
from services.store.reads import organizations as reads

by_id = one_each(reads.workspaces)
by_slug = one_each(reads.workspaces_by_slug)
of_organizations = list_each(reads.workspaces_of)


async def of_studios(reading: Reading, studios: Sequence[StudioRow], _arguments: None) -> list[WorkspaceRow | None]:
    """With the event cursor of the moment the Studio was read: what happens since then comes after it, nothing is missed."""
    ids = unique([studio.workspace_id for studio in studios])
    found = await reads.workspaces(reading.reader, reading.viewer.user_id, ids)
    rows = [(found.get(studio.workspace_id), studio.event_cursor) for studio in studios]
    return [replace(row, event_cursor=cursor) if row else None for row, cursor in rows]


async def name_available(reading: Reading, names: Sequence[tuple[str, str]], _arguments: None) -> list[bool | None]:
    """For each (workspace id, name key) whether no Studio has it; None where the workspace is not visible."""
    taken = [await reads.name_taken(reading.reader, reading.viewer.user_id, *name) for name in names]
    return [None if found is None else not found for found in taken]
