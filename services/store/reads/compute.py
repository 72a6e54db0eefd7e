"""Templates and compute environments, and what sessions hold of them."""

from collections.abc import Sequence

from sqlalchemy import and_, select

from services.domain.lifecycle import ENDED
from services.domain.statuses import ComputeKind, TemplateStatus, Tool
from services.rows.organizations import CapacityRow, ComputeEnvironmentRow, TemplateRow, UsageRow
from services.store.access import visible_studios, visible_to
from services.store.db.database import Reader
from services.store.db.query import Query, Row, is_one_of
from services.store.db.types import instant, json_value
from services.store.tables import core

T = core.template.c
CE = core.compute_environment.c
S = core.studio.c
R = core.session.c

_TEMPLATES = select(
    T.id,
    T.workspace_id,
    T.name,
    T.tool,
    T.image,
    T.tool_version,
    T.connect_version,
    T.status,
    T.icon_url,
    T.port,
    T.single_user,
    T.embeddable,
    T.created_at,
    T.version,
).where(visible_to(T.workspace_id))
TEMPLATES_BY_ID = Query(_TEMPLATES.where(is_one_of(T.id, "ids")))
TEMPLATES_OF = Query(_TEMPLATES.where(is_one_of(T.workspace_id, "workspace_ids")).order_by(T.name_key, T.id))

_ENVIRONMENTS = select(
    CE.id,
    CE.workspace_id,
    CE.name,
    CE.kind,
    CE.enabled,
    CE.reachable,
    CE.message,
    CE.cpu,
    CE.memory_mib,
    CE.gpu,
    CE.created_at,
    CE.version,
).where(visible_to(CE.workspace_id))
ENVIRONMENTS_BY_ID = Query(_ENVIRONMENTS.where(is_one_of(CE.id, "ids")))
ENVIRONMENTS_OF = Query(_ENVIRONMENTS.where(is_one_of(CE.workspace_id, "workspace_ids")).order_by(CE.name_key, CE.id))

HELD = Query(
    visible_studios(R.compute_environment_id, R.configuration)
    .join(core.session, and_(S.id == R.studio_id, S.session_number == R.number))
    .where(is_one_of(R.compute_environment_id, "ids"), S.status.not_in(sorted(status.value for status in ENDED)))
)
"""What each session that holds resources was given (B5); few, since a machine is full at some point."""

KINDS = Query(select(CE.kind).where(CE.enabled.is_(True)).distinct().order_by(CE.kind))


def _template(raw: Row) -> TemplateRow:
    return TemplateRow(
        id=raw[0],
        workspace_id=raw[1],
        name=raw[2],
        tool=Tool(raw[3]),
        image=raw[4],
        tool_version=raw[5],
        connect_version=raw[6],
        status=TemplateStatus(raw[7]),
        icon_url=raw[8],
        port=raw[9],
        single_user=bool(raw[10]),
        embeddable=bool(raw[11]),
        created_at=instant(raw[12]),
        version=raw[13],
    )


def _environment(raw: Row) -> ComputeEnvironmentRow:
    return ComputeEnvironmentRow(
        id=raw[0],
        workspace_id=raw[1],
        name=raw[2],
        kind=ComputeKind(raw[3]),
        enabled=bool(raw[4]),
        reachable=bool(raw[5]),
        message=raw[6],
        capacity=CapacityRow(raw[7], raw[8], raw[9]),
        created_at=instant(raw[10]),
        version=raw[11],
    )


async def templates(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, TemplateRow]:
    """Templates the viewer may see, by id."""
    return {raw[0]: _template(raw) for raw in await reader.all(TEMPLATES_BY_ID, viewer_id=viewer_id, ids=ids)}


async def templates_of(reader: Reader, viewer_id: str, workspace_ids: Sequence[str]) -> dict[str, list[TemplateRow]]:
    """The templates of each workspace, by name; also those that are no longer supported."""
    found: dict[str, list[TemplateRow]] = {}
    for raw in await reader.all(TEMPLATES_OF, viewer_id=viewer_id, workspace_ids=workspace_ids):
        found.setdefault(raw[1], []).append(_template(raw))
    return found


async def environments(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, ComputeEnvironmentRow]:
    """Compute environments the viewer may see, by id."""
    return {raw[0]: _environment(raw) for raw in await reader.all(ENVIRONMENTS_BY_ID, viewer_id=viewer_id, ids=ids)}


async def environments_of(reader: Reader, viewer_id: str, workspace_ids: Sequence[str]) -> dict[str, list[ComputeEnvironmentRow]]:
    """The compute environments of each workspace, by name."""
    found: dict[str, list[ComputeEnvironmentRow]] = {}
    for raw in await reader.all(ENVIRONMENTS_OF, viewer_id=viewer_id, workspace_ids=workspace_ids):
        found.setdefault(raw[1], []).append(_environment(raw))
    return found


async def usage(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, UsageRow]:
    """What sessions hold of each compute environment, by its id (B5)."""
    found = {environment_id: UsageRow(0, 0.0, 0, 0) for environment_id in ids}
    for environment_id, configuration in await reader.all(HELD, viewer_id=viewer_id, ids=ids):
        sofar, given = found[environment_id], json_value(configuration)
        found[environment_id] = UsageRow(
            sofar.sessions + 1, sofar.cpu + given["cpu"], sofar.memory_mib + given["memory_mib"], sofar.gpu + given["gpu"]
        )
    return found


async def kinds(reader: Reader) -> list[ComputeKind]:
    """The kinds of all enabled compute environments of the server, whoever asks."""
    return [ComputeKind(raw[0]) for raw in await reader.all(KINDS)]
