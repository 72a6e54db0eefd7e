"""Reads of Studios, as their viewers see them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, Select, and_, bindparam

from services.domain.access import Role
from services.domain.events import Cursor
from services.domain.statuses import StopReason, StudioStatus
from services.rows.studio import ConfigurationRow, StudioDetails, StudioRow, VariableRow
from services.store.access import VIEWER_MEMBERSHIP, visible_studios, with_viewer_membership
from services.store.converters import is_set
from services.store.db.database import Reader
from services.store.db.query import Query, is_one_of
from services.store.db.record import Record, converted, nullable
from services.store.db.types import json_value, utc_time
from services.store.tables import core

S = core.studio.c
R = core.session.c
ST = core.stream.c
W = core.workspace.c

STUDIO_RECORD = Record(
    StudioRow,
    id=S.id,
    public_id=S.public_id,
    workspace_id=S.workspace_id,
    owner_id=S.owner_id,
    template_id=S.template_id,
    compute_environment_id=S.compute_environment_id,
    name=S.name,
    revision=S.revision,
    version=S.version,
    status=converted(StudioStatus, S.status),
    status_message=S.status_message,
    status_since=converted(utc_time, S.status_since),
    stop_reason=nullable(StopReason, S.stop_reason),
    session_number=S.session_number,
    operation_id=S.operation_id,
    parent_checkpoint_id=S.parent_checkpoint_id,
    created_at=converted(utc_time, S.created_at),
    last_started_at=nullable(utc_time, S.last_started_at),
    expires_at=nullable(utc_time, R.expires_at),
    idle_stops_at=nullable(utc_time, R.idle_stops_at),
    is_starred=converted(is_set, core.star.c.user_id),
    viewer_role=converted(Role, VIEWER_MEMBERSHIP.c.role),
    studios_enabled=converted(bool, W.studios_enabled),
    event_cursor=Record(Cursor, stream_id=S.workspace_id, epoch=ST.epoch, seq=ST.head),
    configuration=Record.of_table(ConfigurationRow, core.studio, studio_id=S.id),
)


def studios_of_viewer(columns: Sequence[Any] = STUDIO_RECORD.columns) -> Select[Any]:
    """Returns the select of the viewer's Studios, with their stream, workspace and running session, and the viewer's role and star."""
    viewer: BindParameter[str] = bindparam("viewer_id")
    current = and_(R.studio_id == S.id, R.number == S.session_number, R.ended_at.is_(None))
    return (
        with_viewer_membership(visible_studios(*columns).join(core.stream, ST.id == S.workspace_id), S.workspace_id)
        .join(core.workspace, W.id == S.workspace_id)
        .outerjoin(core.session, current)
        .outerjoin(core.star, and_(core.star.c.studio_id == S.id, core.star.c.user_id == viewer))
    )


def variables(stored: Any) -> list[VariableRow]:
    """Returns the stored variables without the values of secret ones (B16)."""
    return [VariableRow(item["key"], None if item["secret"] else item["value"], item["secret"]) for item in json_value(stored)]


STUDIO_DETAILS_RECORD = Record.of_table(StudioDetails, core.studio, S.id, environment=converted(variables, S.environment))
BY_ID = Query(studios_of_viewer().where(is_one_of(S.id, "ids")))
DETAILS = Query(visible_studios(*STUDIO_DETAILS_RECORD.columns).where(is_one_of(S.id, "ids")))


async def by_ids(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, StudioRow]:
    """Returns those of the Studios that the viewer may see, by id."""
    return STUDIO_RECORD.keyed(await reader.all(BY_ID, viewer_id=viewer_id, ids=ids), S.id)


async def details(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, StudioDetails]:
    """Returns the long parts of the Studios that the viewer may see, by id."""
    return STUDIO_DETAILS_RECORD.keyed(await reader.all(DETAILS, viewer_id=viewer_id, ids=ids), S.id)
