"""This installation: its id is part of the name of every container, directory and cookie; its key opens what is sealed."""

from services.domain.events import INSTALLATION_STREAM
from services.secrets.secret_box import SecretBox
from services.store import installation as store
from services.store import outbox
from services.store.db.database import Database

PROOF = "the installation's key"


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


async def require_key(database: Database, box: SecretBox) -> None:
    """The first start's key is the installation's. Raises CannotOpen for another: nothing that was sealed before would open."""
    async with database.read() as reader:
        proof = await store.key_proof(reader)
    if proof is None:
        async with database.write() as transaction:
            await store.lock(transaction)
            proof = await store.key_proof(transaction)
            if proof is None:
                await store.set_key_proof(transaction, box.seal(PROOF))
                return
    box.open(proof)


async def replace_key(database: Database, box: SecretBox) -> None:
    """Take this key for the installation's from now on. What was sealed with the former opens with that alone."""
    async with database.write() as transaction:
        await store.set_key_proof(transaction, box.seal(PROOF))
