"""What running sessions use, as their viewers see it (B85)."""

from collections.abc import Sequence

from services.rows.stats import SessionStatsRow
from services.store.access import visible_to
from services.store.db.database import Reader
from services.store.db.query import Query
from services.store.stats import newest, stats_row
from services.store.tables import core

OF_STUDIOS = Query(newest().where(visible_to(core.studio.c.workspace_id)))


async def of_studios(reader: Reader, viewer_id: str, studio_ids: Sequence[str]) -> dict[str, SessionStatsRow]:
    """The newest measurement of each Studio that runs and was measured."""
    rows = await reader.all(OF_STUDIOS, viewer_id=viewer_id, studio_ids=studio_ids)
    return {raw[0]: stats_row(raw) for raw in rows}
