"""The SQL condition of what a viewer may see, part of every read for a viewer (B92), and reads of the facts for `decide`."""

from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Select, and_, bindparam, exists, select

from services.domain.access import AccessFacts, Role, Viewer
from services.store.db.database import Reader
from services.store.db.query import Query, Row
from services.store.tables import core

M = core.membership.c
S = core.studio.c
W = core.workspace.c
VIEWER_MEMBERSHIP = core.membership.alias("viewer_membership")
"""The viewer's own membership, for reads that show the viewer's role."""


def visible_to(workspace_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """The condition that the viewer, the parameter `viewer_id`, is a member of the workspace in the column `workspace_id`.

    A row that fails it must look to the viewer like a row that is absent. tests/store/test_visibility.py finds reads that lack it.
    """
    return exists().where(M.workspace_id == workspace_id, M.user_id == _viewer())


def visible_studios(*columns: ColumnElement[Any]) -> Select[Any]:
    """The select of `columns` over the Studios that the viewer, the parameter `viewer_id`, sees. Joins may be added.

    Every read of Studios, and of what is stored with a Studio alone, starts from it. What outlives a Studio (checkpoints, operations,
    events) carries `visible_to` with its own workspace.
    """
    return select(*columns).select_from(core.studio).where(visible_to(S.workspace_id))


def with_viewer_membership(statement: Select[Any], workspace_id: ColumnElement[Any]) -> Select[Any]:
    """The statement joined with `VIEWER_MEMBERSHIP` of the workspace in the column `workspace_id`."""
    is_viewers = and_(VIEWER_MEMBERSHIP.c.workspace_id == workspace_id, VIEWER_MEMBERSHIP.c.user_id == _viewer())
    return statement.join(VIEWER_MEMBERSHIP, is_viewers)


def _viewer() -> BindParameter[str]:
    return bindparam("viewer_id")


OF_WORKSPACE = Query(
    select(M.role, W.studios_enabled)
    .join(core.workspace, W.id == M.workspace_id)
    .where(M.workspace_id == bindparam("workspace_id"), M.user_id == _viewer())
)
OF_STUDIO = Query(
    select(M.role, W.studios_enabled)
    .select_from(core.studio)
    .join(core.workspace, W.id == S.workspace_id)
    .join(core.membership, and_(M.workspace_id == S.workspace_id, M.user_id == _viewer()))
    .where(S.id == bindparam("studio_id"))
)


async def facts_of_workspace(reader: Reader, viewer: Viewer, workspace_id: str) -> AccessFacts:
    """The viewer's access to a workspace. One that does not exist reads like one without the viewer as a member (B92)."""
    row = await reader.one(OF_WORKSPACE, viewer_id=viewer.user_id, workspace_id=workspace_id)
    return _facts(viewer, row)


async def facts_of_studio(reader: Reader, viewer: Viewer, studio_id: str) -> AccessFacts:
    """The viewer's access to a Studio. One that does not exist reads like one in another workspace (B92)."""
    row = await reader.one(OF_STUDIO, viewer_id=viewer.user_id, studio_id=studio_id)
    return _facts(viewer, row)


def _facts(viewer: Viewer, row: Row | None) -> AccessFacts:
    return AccessFacts(Role(row[0]), viewer.scopes, bool(row[1])) if row else AccessFacts(None, viewer.scopes)
