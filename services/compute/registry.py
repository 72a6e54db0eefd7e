"""The compute environments at work: one `Compute` for each, made when first needed."""

from collections.abc import Callable, Mapping

from services.compute.protocol import Compute, ComputeFailed
from services.store import compute_environments
from services.store.compute_environments import EnvironmentState
from services.store.db.database import Database

Factory = Callable[[EnvironmentState], Compute]


class Computes:
    """By compute environment id. `factories` has one for each kind this server can use."""

    def __init__(self, database: Database, factories: Mapping[str, Factory]) -> None:
        self._database = database
        self._factories = factories
        self._made: dict[str, Compute] = {}

    async def get(self, environment_id: str) -> Compute:
        """Also of an environment that is switched off: its sessions go on. Raises ComputeFailed."""
        made = self._made.get(environment_id)
        if made is not None:
            return made
        async with self._database.read() as reader:
            environment = await compute_environments.find(reader, environment_id)
        if environment is None:
            raise ComputeFailed("The compute environment was deleted.")
        return self.of(environment)

    def of(self, environment: EnvironmentState) -> Compute:
        """Raises ComputeFailed where this server does not know the kind."""
        if environment.id not in self._made:
            factory = self._factories.get(environment.kind)
            if factory is None:
                raise ComputeFailed(f"This server cannot use compute environments of the kind {environment.kind}.")
            self._made[environment.id] = factory(environment)
        return self._made[environment.id]

    async def close(self) -> None:
        """Let go of all; sessions run on."""
        for compute in self._made.values():
            await compute.close()
        self._made.clear()
