"""This installation: its id is part of the name of every container, directory and cookie."""

from services.events import INSTALLATION_STREAM
from services.store import installation as store
from services.store import outbox
from services.store.database import Database


async def ensure_installation(database: Database) -> str:
    """The installation's id; at the first start it is made, with the stream for what concerns everybody."""
    async with database.read() as reader:
        found = await store.find(reader)
    if found:
        return found
    async with database.write() as transaction:
        await store.lock(transaction)
        found = await store.find(transaction)
        if found:
            return found
        await outbox.create_stream(transaction, INSTALLATION_STREAM)
        return await store.create(transaction)
