"""Reads of the statistics of running sessions, as their viewers see them (B85)."""

from collections.abc import Sequence

from services.rows.stats import SessionStatsRow
from services.store.access import visible_studios
from services.store.db.database import Reader
from services.store.db.query import Query
from services.store.stats import STATS_RECORD, S, newest

OF_STUDIOS = Query(newest(visible_studios(*STATS_RECORD.columns)))


async def of_studios(reader: Reader, viewer_id: str, studio_ids: Sequence[str]) -> dict[str, SessionStatsRow]:
    """Returns the newest measurement of each Studio that runs and was measured."""
    return STATS_RECORD.keyed(await reader.all(OF_STUDIOS, viewer_id=viewer_id, studio_ids=studio_ids), S.id)
