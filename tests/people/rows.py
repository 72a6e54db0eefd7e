"""Inserts open tabs into the database, and reads logged events from it."""

from sqlalchemy import insert, select

from services.domain.events import Kind
from services.domain.ids import new_id
from services.store.db.database import Database
from services.store.tables import core
from tests import factories


async def open_tab(database: Database, studio_id: str, user_id: str, token_id: str | None = None, session_number: int = 1) -> None:
    """Inserts an open tab of the user with the session, through a proxy of its own."""
    proxy_id, now = new_id(), factories.BEGAN
    async with database.write() as transaction:
        await transaction.execute(insert(core.proxy_instance).values(id=proxy_id, started_at=now, heartbeat_at=now))
        await transaction.execute(
            insert(core.connection).values(
                id=new_id(),
                proxy_id=proxy_id,
                studio_id=studio_id,
                session_number=session_number,
                user_id=user_id,
                token_id=token_id,
                connected_at=now,
                last_active_at=now,
            )
        )


async def logged_events(database: Database, stream_id: str, kind: Kind) -> list[dict[str, object]]:
    """Returns the payloads of the stream's events of one kind, in order, each with the event's user (`for`) and Studio (`studio`)."""
    event = core.event.c
    statement = select(event.payload, event.user_id, event.studio_id).where(event.stream_id == stream_id, event.kind == kind.value)
    async with database.read() as reader:
        rows = (await reader.execute(statement.order_by(event.seq))).mappings()
        return [{**row["payload"], "for": row["user_id"], "studio": row["studio_id"]} for row in rows]
