"""Reads the secret values of a session's environment variables."""

from services.secrets.env_vars import Seal, secret_values
from services.store import compute_environments
from services.store.db.database import Database
from services.store.sessions import SessionState


async def session_secrets(database: Database, seal: Seal, session: SessionState) -> tuple[str, ...]:
    """Returns the secret values of the Studio's and the compute environment's variables. Raises CannotOpen."""
    async with database.read() as reader:
        environment = await compute_environments.find(reader, session.compute_environment_id)
    shared = environment.environment if environment else []
    return secret_values(shared, session.configuration["environment"], seal=seal)
