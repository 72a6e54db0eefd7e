"""Creates and checks the installation's id, which is part of the names of containers and cookies, and its key for secrets."""

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
    """Checks that the key is the one of the first start. Raises CannotOpen for another one, which could decrypt nothing."""
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
    """Records this key as the installation's. Secrets encrypted with the former key can be decrypted only with that."""
    async with database.write() as transaction:
        await store.set_key_proof(transaction, box.seal(PROOF))
