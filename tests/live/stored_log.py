"""Changes of the stored event log that retention and a restored backup make."""

from sqlalchemy import delete, update

from services.store.db.database import Database
from services.store.tables import core


async def set_stream(database: Database, stream_id: str, **values: object) -> None:
    async with database.write() as transaction:
        await transaction.execute(update(core.stream).where(core.stream.c.id == stream_id).values(**values))


async def trim(database: Database, stream_id: str, horizon: int) -> None:
    """As retention does."""
    async with database.write() as transaction:
        event = core.event.c
        await transaction.execute(delete(core.event).where(event.stream_id == stream_id, event.seq <= horizon))
    await set_stream(database, stream_id, horizon=horizon)
