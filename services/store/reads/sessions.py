"""Reads of sessions: the runs of Studios."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select

from services.domain.statuses import StopReason
from services.rows.studio import SessionConfigurationRow, SessionRow
from services.store.access import visible_studios
from services.store.db.database import Reader
from services.store.db.query import Query, is_one_of
from services.store.db.record import Record, converted, nullable
from services.store.db.types import json_value, utc_time
from services.store.reads.listing import Listing, Window
from services.store.reads.studios import variables
from services.store.tables import core

R = core.session.c
S = core.studio.c

SESSION_RECORD = Record(
    SessionRow,
    id=R.id,
    studio_id=R.studio_id,
    number=R.number,
    compute_environment_id=R.compute_environment_id,
    template_id=R.template_id,
    started_by_id=R.started_by,
    checkpoint_id=R.checkpoint_id,
    stop_reason=nullable(StopReason, R.stop_reason),
    exit_code=R.exit_code,
    out_of_memory=converted(bool, R.out_of_memory),
    created_at=converted(utc_time, R.created_at),
    running_at=nullable(utc_time, R.running_at),
    expires_at=nullable(utc_time, R.expires_at),
    idle_stops_at=nullable(utc_time, R.idle_stops_at),
    last_active_at=nullable(utc_time, R.last_active_at),
    ended_at=nullable(utc_time, R.ended_at),
    version=R.version,
)


def _visible(*columns: Any) -> Select[Any]:
    return visible_studios(*columns).join(core.session, R.studio_id == S.id)


BY_ID = Query(_visible(*SESSION_RECORD.columns).where(is_one_of(R.id, "ids")))
CONFIGURATIONS = Query(_visible(R.id, R.configuration).where(is_one_of(R.id, "ids")))
OF_STUDIO = Listing(_visible, SESSION_RECORD, R.studio_id, R.number, descending=True)


async def by_ids(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, SessionRow]:
    """Returns the sessions that the viewer may see, by id."""
    return SESSION_RECORD.keyed(await reader.all(BY_ID, viewer_id=viewer_id, ids=ids), R.id)


async def configurations(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, SessionConfigurationRow]:
    """Returns the configurations that the sessions run with, by session id."""
    rows = await reader.all(CONFIGURATIONS, viewer_id=viewer_id, ids=ids)
    return {session_id: _configuration(json_value(stored)) for session_id, stored in rows}


def _configuration(stored: dict[str, Any]) -> SessionConfigurationRow:
    plain = {name: stored[name] for name in ("cpu", "memory_mib", "gpu", "lifespan_hours")}
    return SessionConfigurationRow(**plain, environment=variables(stored["environment"]))


async def pages(reader: Reader, viewer_id: str, studio_ids: Sequence[str], window: Window) -> dict[str, list[SessionRow]]:
    """Returns the sessions of each Studio, the newest first, by number."""
    return await OF_STUDIO.pages(reader, viewer_id, studio_ids, window, {})


async def count(reader: Reader, viewer_id: str, studio_ids: Sequence[str]) -> dict[str, int]:
    """Returns the number of sessions of each Studio that has had any."""
    return await OF_STUDIO.count(reader, viewer_id, studio_ids, {})
