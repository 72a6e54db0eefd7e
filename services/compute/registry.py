"""Creates and caches a `Compute` client for each compute environment; edited settings create a new one."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.compute.protocol import Compute, ComputeFailed
from services.store import compute_environments
from services.store.compute_environments import EnvironmentState
from services.store.db.database import Database

Factory = Callable[[EnvironmentState], Compute]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A `Compute`, and the compute environment that it was made for, in its newest version known."""

    environment: EnvironmentState
    compute: Compute

    def serves(self, environment: EnvironmentState) -> bool:
        """Returns whether it was made from what `environment` says, or from a newer version.

        `version` also grows with what a check found, which is no reason to close connections: only `kind` and `settings` are.
        """
        mine = self.environment
        return environment.version < mine.version or (environment.kind, environment.settings) == (mine.kind, mine.settings)


class Computes:
    """The cached clients by compute environment id. `factories` has one factory for each kind that this server may use."""

    def __init__(self, database: Database, factories: Mapping[str, Factory]) -> None:
        self._database = database
        self._factories = factories
        self._entries: dict[str, _Entry] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def get(self, environment_id: str) -> Compute:
        """Returns the client of a compute environment, also of a disabled one. Raises ComputeFailed if it was deleted, and as `of`."""
        async with self._database.read() as reader:
            environment = await compute_environments.find(reader, environment_id)
        if environment is None:
            raise ComputeFailed("The compute environment was deleted.")
        return self.of(environment)

    def of(self, environment: EnvironmentState) -> Compute:
        """Returns the compute for this state of a compute environment, or for a newer one. Raises ComputeFailed for an unknown kind.

        One that was made from other settings is closed in the background: its open calls end with ComputeUnknown, and are made again.
        """
        entry = self._entries.get(environment.id)
        if entry is not None and entry.serves(environment):
            return entry.compute
        factory = self._factories.get(environment.kind)
        if factory is None:
            raise ComputeFailed(f"This server cannot use compute environments of the kind {environment.kind}.")
        compute = factory(environment)
        self._entries[environment.id] = _Entry(environment, compute)
        if entry is not None:
            self._close_later(entry)
        return compute

    async def close(self) -> None:
        """Closes all clients. Sessions continue to run."""
        await asyncio.gather(*self._closing)
        for entry in self._entries.values():
            await entry.compute.close()
        self._entries.clear()

    def _close_later(self, entry: _Entry) -> None:
        task = asyncio.create_task(_close(entry), name=f"close {entry.environment.name}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _close(entry: _Entry) -> None:
    try:
        await entry.compute.close()
    except Exception:
        logger.exception("The former connections to %s could not be closed", entry.environment.name)
