"""Studios as their viewers see them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, Select, and_, bindparam

from services.domain.access import Role
from services.domain.events import Cursor
from services.domain.statuses import StopReason, StudioStatus
from services.rows.studio import ConfigurationRow, StudioDetails, StudioRow, VariableRow
from services.store.access import VIEWER_MEMBERSHIP, visible_studios, with_viewer_membership
from services.store.db.database import Reader
from services.store.db.query import Query, Row, is_one_of
from services.store.db.types import instant, json_value, utc_time
from services.store.tables import core

S = core.studio.c
R = core.session.c
ST = core.stream.c

COLUMNS = (
    S.id,
    S.public_id,
    S.workspace_id,
    S.owner_id,
    S.template_id,
    S.compute_environment_id,
    S.name,
    S.revision,
    S.version,
    S.status,
    S.status_message,
    S.status_since,
    S.stop_reason,
    S.session_number,
    S.operation_id,
    S.parent_checkpoint_id,
    S.created_at,
    S.last_started_at,
    R.expires_at,
    R.idle_stops_at,
    core.star.c.user_id,
    VIEWER_MEMBERSHIP.c.role,
    ST.epoch,
    ST.head,
    S.cpu,
    S.memory_mib,
    S.gpu,
    S.lifespan_hours,
)


def studios_of_viewer(columns: Sequence[Any] = COLUMNS) -> Select[Any]:
    """The select of the Studios that the viewer sees, joined with their stream, their running session, and the viewer's role and star."""
    viewer: BindParameter[str] = bindparam("viewer_id")
    current = and_(R.studio_id == S.id, R.number == S.session_number, R.ended_at.is_(None))
    return (
        with_viewer_membership(visible_studios(*columns).join(core.stream, ST.id == S.workspace_id), S.workspace_id)
        .outerjoin(core.session, current)
        .outerjoin(core.star, and_(core.star.c.studio_id == S.id, core.star.c.user_id == viewer))
    )


def studio_row(raw: Row) -> StudioRow:
    """The row of `COLUMNS`."""
    return StudioRow(
        id=raw[0],
        public_id=raw[1],
        workspace_id=raw[2],
        owner_id=raw[3],
        template_id=raw[4],
        compute_environment_id=raw[5],
        name=raw[6],
        revision=raw[7],
        version=raw[8],
        status=StudioStatus(raw[9]),
        status_message=raw[10],
        status_since=instant(raw[11]),
        stop_reason=StopReason(raw[12]) if raw[12] else None,
        session_number=raw[13],
        operation_id=raw[14],
        parent_checkpoint_id=raw[15],
        created_at=instant(raw[16]),
        last_started_at=utc_time(raw[17]),
        expires_at=utc_time(raw[18]),
        idle_stops_at=utc_time(raw[19]),
        is_starred=raw[20] is not None,
        viewer_role=Role(raw[21]),
        event_cursor=Cursor(raw[2], raw[22], raw[23]),
        configuration=ConfigurationRow(raw[0], *raw[24:28]),
    )


BY_ID = Query(studios_of_viewer().where(is_one_of(S.id, "ids")))
DETAILS = Query(visible_studios(S.id, S.description, S.conda_environment, S.environment).where(is_one_of(S.id, "ids")))


async def by_ids(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, StudioRow]:
    """Those of `ids` that the viewer may see, by id."""
    return {raw[0]: studio_row(raw) for raw in await reader.all(BY_ID, viewer_id=viewer_id, ids=ids)}


async def details(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, StudioDetails]:
    """Their long parts, by id."""
    rows = await reader.all(DETAILS, viewer_id=viewer_id, ids=ids)
    return {raw[0]: StudioDetails(raw[1], raw[2], variables(json_value(raw[3]))) for raw in rows}


def variables(stored: list[dict[str, Any]]) -> list[VariableRow]:
    """Variables without the values of secret ones (B16)."""
    return [VariableRow(v["key"], None if v["secret"] else v["value"], v["secret"]) for v in stored]
