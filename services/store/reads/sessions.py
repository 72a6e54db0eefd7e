"""The runs of Studios."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select

from services.domain.statuses import StopReason
from services.rows.studio import SessionConfigurationRow, SessionRow
from services.store.access import visible_studios
from services.store.db.database import Reader
from services.store.db.query import Query, Row, is_one_of
from services.store.db.types import instant, json_value, utc_time
from services.store.reads.listing import Listing, Window
from services.store.reads.studios import variables
from services.store.tables import core

R = core.session.c
S = core.studio.c

COLUMNS = (
    R.id,
    R.studio_id,
    R.number,
    R.compute_environment_id,
    R.template_id,
    R.started_by,
    R.checkpoint_id,
    R.stop_reason,
    R.exit_code,
    R.out_of_memory,
    R.created_at,
    R.running_at,
    R.expires_at,
    R.idle_stops_at,
    R.last_active_at,
    R.ended_at,
    R.version,
)


def _visible(*columns: Any) -> Select[Any]:
    return visible_studios(*columns).join(core.session, R.studio_id == S.id)


def _row(raw: Row) -> SessionRow:
    return SessionRow(
        id=raw[0],
        studio_id=raw[1],
        number=raw[2],
        compute_environment_id=raw[3],
        template_id=raw[4],
        started_by_id=raw[5],
        checkpoint_id=raw[6],
        stop_reason=StopReason(raw[7]) if raw[7] else None,
        exit_code=raw[8],
        out_of_memory=bool(raw[9]),
        created_at=instant(raw[10]),
        running_at=utc_time(raw[11]),
        expires_at=utc_time(raw[12]),
        idle_stops_at=utc_time(raw[13]),
        last_active_at=utc_time(raw[14]),
        ended_at=utc_time(raw[15]),
        version=raw[16],
    )


BY_ID = Query(_visible(*COLUMNS).where(is_one_of(R.id, "ids")))
CONFIGURATIONS = Query(_visible(R.id, R.configuration).where(is_one_of(R.id, "ids")))
OF_STUDIO = Listing(_visible, COLUMNS, R.studio_id, R.number, descending=True)


async def by_ids(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, SessionRow]:
    """Those that the viewer may see, by id."""
    return {raw[0]: _row(raw) for raw in await reader.all(BY_ID, viewer_id=viewer_id, ids=ids)}


async def configurations(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, SessionConfigurationRow]:
    """What the sessions were given, by their ids."""
    rows = await reader.all(CONFIGURATIONS, viewer_id=viewer_id, ids=ids)
    return {raw[0]: _configuration(json_value(raw[1])) for raw in rows}


def _configuration(stored: dict[str, Any]) -> SessionConfigurationRow:
    plain = {name: stored[name] for name in ("cpu", "memory_mib", "gpu", "lifespan_hours")}
    return SessionConfigurationRow(**plain, environment=variables(stored["environment"]))


async def pages(reader: Reader, viewer_id: str, studio_ids: Sequence[str], window: Window) -> dict[str, list[SessionRow]]:
    """The runs of each Studio, the newest first, by number."""
    found = await OF_STUDIO.pages(reader, viewer_id, studio_ids, window, {})
    return {parent: [_row(raw) for raw in rows] for parent, rows in found.items()}


async def count(reader: Reader, viewer_id: str, studio_ids: Sequence[str]) -> dict[str, int]:
    """How many runs each Studio had."""
    return await OF_STUDIO.count(reader, viewer_id, studio_ids, {})
