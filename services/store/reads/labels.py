"""Reads of the labels of Studios, as their viewers see them (B86)."""

from collections.abc import Sequence

from services.domain.labels import Label
from services.store.access import visible_studios
from services.store.db.database import Reader
from services.store.db.query import Query, is_one_of
from services.store.db.record import Record
from services.store.tables import core

S = core.studio.c
T = core.studio_label.c

LABEL_RECORD = Record(Label, T.studio_id, key=T.key, value=T.value)
OF_STUDIOS = Query(
    visible_studios(*LABEL_RECORD.columns).join(core.studio_label, T.studio_id == S.id).where(is_one_of(S.id, "studio_ids")).order_by(T.key)
)


async def of_studios(reader: Reader, viewer_id: str, studio_ids: Sequence[str]) -> dict[str, list[Label]]:
    """Returns the labels of each Studio that has any, by key."""
    return LABEL_RECORD.grouped(await reader.all(OF_STUDIOS, viewer_id=viewer_id, studio_ids=studio_ids), T.studio_id)
