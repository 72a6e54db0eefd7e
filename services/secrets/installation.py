"""The id and the key of this installation: the id is part of all names of containers, directories and cookies; the key opens secrets."""

from services.domain.events import INSTALLATION_STREAM
from services.secrets.secret_box import SecretBox
from services.store import installation as store
from services.store import outbox
from services.store.db.database import Database

PROOF = "the installation's key"


async def ensure_installation(database: Database) -> str:
    """Returns the installation's id. The first start creates it, with the event stream of the installation."""
    async with database.read() as reader:
        installation_id = await store.find(reader)
    if installation_id:
        return installation_id
    async with database.write() as transaction:
        await store.lock(transaction)
        installation_id = await store.find(transaction)
        if installation_id:
            return installation_id
        await outbox.create_stream(transaction, INSTALLATION_STREAM)
        return await store.create(transaction)


async def require_key(database: Database, box: SecretBox) -> None:
    """Checks that the key is that of the first start. Raises CannotOpen for another: it would open nothing that was sealed before."""
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
    """Makes this key the installation's. What was sealed with the former one opens only with that."""
    async with database.write() as transaction:
        await store.set_key_proof(transaction, box.seal(PROOF))
