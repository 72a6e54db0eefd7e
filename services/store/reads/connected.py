"""Reads of the users who are connected to running sessions (B52)."""

from collections.abc import Sequence

from sqlalchemy import and_, func

from services.rows.studio import ConnectedUserRow
from services.store.access import visible_studios
from services.store.db.database import Reader
from services.store.db.query import Query, is_one_of
from services.store.db.record import Record, converted
from services.store.db.types import utc_time
from services.store.tables import core

T = core.connection.c
S = core.studio.c

CONNECTED_USER_RECORD = Record(
    ConnectedUserRow,
    T.studio_id,
    user_id=T.user_id,
    connected_at=converted(utc_time, func.min(T.connected_at)),
    last_active_at=converted(utc_time, func.max(T.last_active_at)),
    tabs=func.count(),
)
OF_STUDIOS = Query(
    visible_studios(*CONNECTED_USER_RECORD.columns)
    .join(core.connection, and_(S.id == T.studio_id, S.session_number == T.session_number))
    .where(is_one_of(T.studio_id, "studio_ids"), T.ended_at.is_(None))
    .group_by(T.studio_id, T.user_id)
    .order_by(func.min(T.connected_at), T.user_id)
)


async def of_studios(reader: Reader, viewer_id: str, studio_ids: Sequence[str]) -> dict[str, list[ConnectedUserRow]]:
    """Returns the connected users of each Studio, in the order in which they opened the first of their open tabs."""
    return CONNECTED_USER_RECORD.grouped(await reader.all(OF_STUDIOS, viewer_id=viewer_id, studio_ids=studio_ids), T.studio_id)
