"""What running sessions use, as their viewers see it (B85)."""

from collections.abc import Sequence

from services.rows.stats import SessionStatsRow
from services.store.access import visible_studios
from services.store.db.database import Reader
from services.store.db.query import Query
from services.store.stats import COLUMNS, newest, stats_row

OF_STUDIOS = Query(newest(visible_studios(*COLUMNS)))


async def of_studios(reader: Reader, viewer_id: str, studio_ids: Sequence[str]) -> dict[str, SessionStatsRow]:
    """The newest measurement of each Studio that runs and was measured."""
    rows = await reader.all(OF_STUDIOS, viewer_id=viewer_id, studio_ids=studio_ids)
    return {raw[0]: stats_row(raw) for raw in rows}
