"""Organizations and workspaces as their members see them."""

from collections.abc import Sequence

from sqlalchemy import bindparam, exists, select

from services.domain.access import Role
from services.domain.events import Cursor
from services.rows.organizations import OrganizationRow, SettingsRow, WorkspaceRow
from services.store.access import VIEWER_MEMBERSHIP, visible_to, with_viewer_membership
from services.store.db.database import Reader
from services.store.db.query import Query, Row, is_one_of
from services.store.db.types import instant
from services.store.tables import core

W = core.workspace.c
ORG = core.organization.c
ST = core.stream.c

_WORKSPACES = with_viewer_membership(
    select(
        W.id,
        W.organization_id,
        W.slug,
        W.name,
        W.created_at,
        W.version,
        W.lifespan_hours,
        W.idle_minutes,
        W.checkpoint_interval_seconds,
        VIEWER_MEMBERSHIP.c.role,
        ST.epoch,
        ST.head,
    )
    .select_from(core.workspace)
    .join(core.stream, ST.id == W.id)
    .where(visible_to(W.id)),
    W.id,
)
WORKSPACES_BY_ID = Query(_WORKSPACES.where(is_one_of(W.id, "ids")))
WORKSPACES_BY_SLUG = Query(_WORKSPACES.where(is_one_of(W.slug, "slugs")))
WORKSPACES_OF = Query(_WORKSPACES.where(is_one_of(W.organization_id, "ids")).order_by(W.name_key, W.id))

_ORGANIZATIONS = select(ORG.id, ORG.slug, ORG.name, ORG.created_at, ORG.version).where(
    exists().where(W.organization_id == ORG.id, visible_to(W.id))
)
ORGANIZATIONS_BY_ID = Query(_ORGANIZATIONS.where(is_one_of(ORG.id, "ids")))
ORGANIZATIONS_BY_SLUG = Query(_ORGANIZATIONS.where(is_one_of(ORG.slug, "slugs")))

NAME_TAKEN = Query(
    select(W.id, exists().where(core.studio.c.workspace_id == W.id, core.studio.c.name_key == bindparam("name_key"))).where(
        W.id == bindparam("workspace_id"), visible_to(W.id)
    )
)


def _workspace(raw: Row) -> WorkspaceRow:
    return WorkspaceRow(
        id=raw[0],
        organization_id=raw[1],
        slug=raw[2],
        name=raw[3],
        created_at=instant(raw[4]),
        version=raw[5],
        settings=SettingsRow(*raw[6:9]),
        viewer_role=Role(raw[9]),
        event_cursor=Cursor(raw[0], raw[10], raw[11]),
    )


def _organization(raw: Row) -> OrganizationRow:
    return OrganizationRow(raw[0], raw[1], raw[2], instant(raw[3]), raw[4])


async def workspaces(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, WorkspaceRow]:
    """Workspaces the viewer is in, by id."""
    return {raw[0]: _workspace(raw) for raw in await reader.all(WORKSPACES_BY_ID, viewer_id=viewer_id, ids=ids)}


async def workspaces_by_slug(reader: Reader, viewer_id: str, slugs: Sequence[str]) -> dict[str, WorkspaceRow]:
    """The same by slug."""
    return {raw[2]: _workspace(raw) for raw in await reader.all(WORKSPACES_BY_SLUG, viewer_id=viewer_id, slugs=slugs)}


async def workspaces_of(reader: Reader, viewer_id: str, organization_ids: Sequence[str]) -> dict[str, list[WorkspaceRow]]:
    """Those of each organization, by name."""
    found: dict[str, list[WorkspaceRow]] = {}
    for raw in await reader.all(WORKSPACES_OF, viewer_id=viewer_id, ids=organization_ids):
        found.setdefault(raw[1], []).append(_workspace(raw))
    return found


async def organizations(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, OrganizationRow]:
    """Organizations of which the viewer sees a workspace, by id."""
    return {raw[0]: _organization(raw) for raw in await reader.all(ORGANIZATIONS_BY_ID, viewer_id=viewer_id, ids=ids)}


async def organizations_by_slug(reader: Reader, viewer_id: str, slugs: Sequence[str]) -> dict[str, OrganizationRow]:
    """The same by slug."""
    return {raw[1]: _organization(raw) for raw in await reader.all(ORGANIZATIONS_BY_SLUG, viewer_id=viewer_id, slugs=slugs)}


async def name_taken(reader: Reader, viewer_id: str, workspace_id: str, name_key: str) -> bool | None:
    """Whether a Studio of the workspace has this name (B15); None if the viewer does not see the workspace."""
    raw = await reader.one(NAME_TAKEN, viewer_id=viewer_id, workspace_id=workspace_id, name_key=name_key)
    return None if raw is None else bool(raw[1])
