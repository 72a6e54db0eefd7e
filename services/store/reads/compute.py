"""Reads of templates and compute environments, and of the resources that sessions hold."""

from collections.abc import Sequence

from sqlalchemy import select

from services.domain.statuses import ComputeKind, Tool
from services.rows.organizations import CapacityRow, ComputeEnvironmentRow, ReleaseRow, TemplateRow, UsageRow
from services.store.access import visible_studios, visible_to
from services.store.db.database import Reader
from services.store.db.query import Query, is_one_of
from services.store.db.record import Record, converted
from services.store.db.types import utc_time
from services.store.quotas import AMOUNTS, HOLDS
from services.store.tables import core

T = core.template.c
CE = core.compute_environment.c
S = core.studio.c
R = core.session.c

TEMPLATE_RECORD = Record(
    TemplateRow,
    id=T.id,
    workspace_id=T.workspace_id,
    name=T.name,
    tool=converted(Tool, T.tool),
    image=T.image,
    tool_version=T.tool_version,
    connect_version=T.connect_version,
    experimental=converted(bool, T.experimental),
    recipe=T.recipe,
    icon_url=T.icon_url,
    port=T.port,
    single_user=converted(bool, T.single_user),
    embeddable=converted(bool, T.embeddable),
    prefix_capable=converted(bool, T.prefix_capable),
    created_at=converted(utc_time, T.created_at),
    revision=T.revision,
    version=T.version,
)
_TEMPLATES = select(*TEMPLATE_RECORD.columns).where(visible_to(T.workspace_id))
TEMPLATES_BY_ID = Query(_TEMPLATES.where(is_one_of(T.id, "ids")))
TEMPLATES_OF = Query(_TEMPLATES.where(is_one_of(T.workspace_id, "workspace_ids")).order_by(T.name_key, T.id))

RELEASE_RECORD = Record.of_table(ReleaseRow, core.template, experimental=converted(bool, T.experimental))
RELEASES_OF = Query(select(*RELEASE_RECORD.columns).where(visible_to(T.workspace_id), is_one_of(T.workspace_id, "workspace_ids")))

ENVIRONMENT_RECORD = Record(
    ComputeEnvironmentRow,
    id=CE.id,
    workspace_id=CE.workspace_id,
    name=CE.name,
    kind=converted(ComputeKind, CE.kind),
    enabled=converted(bool, CE.enabled),
    reachable=converted(bool, CE.reachable),
    message=CE.message,
    capacity=Record(CapacityRow, cpu=CE.cpu, memory_mib=CE.memory_mib, gpu=CE.gpu),
    created_at=converted(utc_time, CE.created_at),
    version=CE.version,
)
_ENVIRONMENTS = select(*ENVIRONMENT_RECORD.columns).where(visible_to(CE.workspace_id))
ENVIRONMENTS_BY_ID = Query(_ENVIRONMENTS.where(is_one_of(CE.id, "ids")))
ENVIRONMENTS_OF = Query(_ENVIRONMENTS.where(is_one_of(CE.workspace_id, "workspace_ids")).order_by(CE.name_key, CE.id))

USAGE = Query(
    visible_studios(R.compute_environment_id, *AMOUNTS)
    .join(core.session, S.id == R.studio_id)
    .where(is_one_of(R.compute_environment_id, "ids"), HOLDS)
    .group_by(R.compute_environment_id)
)
"""What the sessions of each compute environment hold (B5)."""

KINDS = Query(select(CE.kind).where(CE.enabled.is_(True)).distinct().order_by(CE.kind))


async def templates(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, TemplateRow]:
    """Returns the templates that the viewer may see, by id."""
    return TEMPLATE_RECORD.keyed(await reader.all(TEMPLATES_BY_ID, viewer_id=viewer_id, ids=ids), T.id)


async def releases_of(reader: Reader, viewer_id: str, workspace_ids: Sequence[str]) -> dict[str, list[ReleaseRow]]:
    """Returns what decides the statuses of the templates of each workspace."""
    return RELEASE_RECORD.grouped(await reader.all(RELEASES_OF, viewer_id=viewer_id, workspace_ids=workspace_ids), T.workspace_id)


async def templates_of(reader: Reader, viewer_id: str, workspace_ids: Sequence[str]) -> dict[str, list[TemplateRow]]:
    """Returns the templates of each workspace, by name; also those that are no longer supported."""
    return TEMPLATE_RECORD.grouped(await reader.all(TEMPLATES_OF, viewer_id=viewer_id, workspace_ids=workspace_ids), T.workspace_id)


async def environments(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, ComputeEnvironmentRow]:
    """Returns the compute environments that the viewer may see, by id."""
    return ENVIRONMENT_RECORD.keyed(await reader.all(ENVIRONMENTS_BY_ID, viewer_id=viewer_id, ids=ids), CE.id)


async def environments_of(reader: Reader, viewer_id: str, workspace_ids: Sequence[str]) -> dict[str, list[ComputeEnvironmentRow]]:
    """Returns the compute environments of each workspace, by name."""
    return ENVIRONMENT_RECORD.grouped(await reader.all(ENVIRONMENTS_OF, viewer_id=viewer_id, workspace_ids=workspace_ids), CE.workspace_id)


async def usage(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, UsageRow]:
    """Returns the resources of each compute environment that sessions hold, by its id (B5)."""
    used = {environment_id: UsageRow(*amounts) for environment_id, *amounts in await reader.all(USAGE, viewer_id=viewer_id, ids=ids)}
    return {environment_id: used.get(environment_id, UsageRow(0, 0.0, 0, 0)) for environment_id in ids}


async def kinds(reader: Reader) -> list[ComputeKind]:
    """Returns the kinds of all enabled compute environments of the server, whoever asks."""
    return [ComputeKind(kind) for (kind,) in await reader.all(KINDS)]
