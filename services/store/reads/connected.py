"""Who has the running sessions open (B52)."""

from collections.abc import Sequence

from sqlalchemy import and_, func

from services.rows.studio import ConnectedUserRow
from services.store.access import visible_studios
from services.store.db.database import Reader
from services.store.db.query import Query, is_one_of
from services.store.db.types import instant
from services.store.tables import core

T = core.connection.c
S = core.studio.c

OF_STUDIOS = Query(
    visible_studios(T.studio_id, T.user_id, func.min(T.connected_at), func.max(T.last_active_at), func.count())
    .join(core.connection, and_(S.id == T.studio_id, S.session_number == T.session_number))
    .where(is_one_of(T.studio_id, "studio_ids"), T.ended_at.is_(None))
    .group_by(T.studio_id, T.user_id)
    .order_by(func.min(T.connected_at), T.user_id)
)


async def of_studios(reader: Reader, viewer_id: str, studio_ids: Sequence[str]) -> dict[str, list[ConnectedUserRow]]:
    """The connected users of each Studio, who came first comes first; a user counts from the first of the open tabs."""
    found: dict[str, list[ConnectedUserRow]] = {}
    for studio_id, user_id, since, active, tabs in await reader.all(OF_STUDIOS, viewer_id=viewer_id, studio_ids=studio_ids):
        found.setdefault(studio_id, []).append(ConnectedUserRow(user_id, instant(since), instant(active), tabs))
    return found
