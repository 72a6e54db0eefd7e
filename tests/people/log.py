"""Open tabs, and what the log tells of them."""

from sqlalchemy import insert, select

from services.domain.events import Kind
from services.domain.ids import new_id
from services.store.db.database import Database
from services.store.tables import core
from tests import factories


async def connect(database: Database, studio_id: str, user_id: str, token_id: str | None = None, session_number: int = 1) -> None:
    """A tab of the user with the session open."""
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


async def logged(database: Database, stream_id: str, kind: Kind) -> list[dict[str, object]]:
    """The payloads of one kind on a stream, in order, each with the event's user and Studio."""
    event = core.event.c
    statement = select(event.payload, event.user_id, event.studio_id).where(event.stream_id == stream_id, event.kind == kind.value)
    async with database.read() as reader:
        rows = (await reader.execute(statement.order_by(event.seq))).mappings()
        return [{**row["payload"], "for": row["user_id"], "studio": row["studio_id"]} for row in rows]
