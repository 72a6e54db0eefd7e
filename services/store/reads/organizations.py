"""Reads of organizations and workspaces, as their members see them."""

from collections.abc import Sequence

from sqlalchemy import bindparam, exists, select

from services.domain.access import Role
from services.domain.events import Cursor
from services.rows.organizations import OrganizationRow, SettingsRow, WorkspaceRow
from services.store.access import VIEWER_MEMBERSHIP, visible_to, with_viewer_membership
from services.store.db.database import Reader
from services.store.db.query import Query, is_one_of
from services.store.db.record import Record, converted
from services.store.db.types import utc_time
from services.store.tables import core

W = core.workspace.c
ORG = core.organization.c
ST = core.stream.c

WORKSPACE_RECORD = Record(
    WorkspaceRow,
    id=W.id,
    organization_id=W.organization_id,
    slug=W.slug,
    name=W.name,
    created_at=converted(utc_time, W.created_at),
    version=W.version,
    settings=Record.of_table(SettingsRow, core.workspace),
    viewer_role=converted(Role, VIEWER_MEMBERSHIP.c.role),
    event_cursor=Record(Cursor, stream_id=W.id, epoch=ST.epoch, seq=ST.head),
)
_WORKSPACES = with_viewer_membership(
    select(*WORKSPACE_RECORD.columns).select_from(core.workspace).join(core.stream, ST.id == W.id).where(visible_to(W.id)), W.id
)
WORKSPACES_BY_ID = Query(_WORKSPACES.where(is_one_of(W.id, "ids")))
WORKSPACES_BY_SLUG = Query(_WORKSPACES.where(is_one_of(W.slug, "slugs")))
WORKSPACES_OF = Query(_WORKSPACES.where(is_one_of(W.organization_id, "ids")).order_by(W.name_key, W.id))

ORGANIZATION_RECORD = Record.of_table(OrganizationRow, core.organization, created_at=converted(utc_time, ORG.created_at))
_ORGANIZATIONS = select(*ORGANIZATION_RECORD.columns).where(exists().where(W.organization_id == ORG.id, visible_to(W.id)))
ORGANIZATIONS_BY_ID = Query(_ORGANIZATIONS.where(is_one_of(ORG.id, "ids")))
ORGANIZATIONS_BY_SLUG = Query(_ORGANIZATIONS.where(is_one_of(ORG.slug, "slugs")))

NAME_TAKEN = Query(
    select(exists().where(core.studio.c.workspace_id == W.id, core.studio.c.name_key == bindparam("name_key")))
    .select_from(core.workspace)
    .where(W.id == bindparam("workspace_id"), visible_to(W.id))
)


async def workspaces(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, WorkspaceRow]:
    """Returns the workspaces that the viewer is a member of, by id."""
    return WORKSPACE_RECORD.keyed(await reader.all(WORKSPACES_BY_ID, viewer_id=viewer_id, ids=ids), W.id)


async def workspaces_by_slug(reader: Reader, viewer_id: str, slugs: Sequence[str]) -> dict[str, WorkspaceRow]:
    """Returns the workspaces that the viewer is a member of, by slug."""
    return WORKSPACE_RECORD.keyed(await reader.all(WORKSPACES_BY_SLUG, viewer_id=viewer_id, slugs=_possible(slugs)), W.slug)


async def workspaces_of(reader: Reader, viewer_id: str, organization_ids: Sequence[str]) -> dict[str, list[WorkspaceRow]]:
    """Returns the workspaces of each organization that the viewer is a member of, by name."""
    return WORKSPACE_RECORD.grouped(await reader.all(WORKSPACES_OF, viewer_id=viewer_id, ids=organization_ids), W.organization_id)


async def organizations(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, OrganizationRow]:
    """Returns the organizations of which the viewer sees a workspace, by id."""
    return ORGANIZATION_RECORD.keyed(await reader.all(ORGANIZATIONS_BY_ID, viewer_id=viewer_id, ids=ids), ORG.id)


async def organizations_by_slug(reader: Reader, viewer_id: str, slugs: Sequence[str]) -> dict[str, OrganizationRow]:
    """Returns the organizations of which the viewer sees a workspace, by slug."""
    return ORGANIZATION_RECORD.keyed(await reader.all(ORGANIZATIONS_BY_SLUG, viewer_id=viewer_id, slugs=_possible(slugs)), ORG.slug)


def _possible(slugs: Sequence[str]) -> list[str]:
    """Returns the slugs without those that nothing can have, such as text with NUL, which PostgreSQL refuses even in a condition."""
    return [slug for slug in slugs if slug.isprintable()]


async def name_taken(reader: Reader, viewer_id: str, workspace_id: str, name_key: str) -> bool | None:
    """Returns whether a Studio of the workspace has this name (B15); None if the viewer does not see the workspace."""
    row = await reader.one(NAME_TAKEN, viewer_id=viewer_id, workspace_id=workspace_id, name_key=name_key)
    return None if row is None else bool(row[0])
