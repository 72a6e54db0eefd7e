"""Creates and caches a `Compute` client for each compute environment; edited settings create a new one.

Each is a `VerifiedCompute`: its engine is compared with the one that the environment's row names, and recorded there when it is first
checked. Several controllers may reach different engines under the settings of one compute environment.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from random import uniform

from services.compute.circuit_breaker import CircuitBreaker
from services.compute.engine_calls import EngineCalls
from services.compute.engine_identity import require_recorded_engine
from services.compute.protocol import Compute, ComputeFailed, EngineSilent, UnidentifiedEngine
from services.compute.verified_compute import VerifiedCompute
from services.domain.ids import new_id
from services.store import compute_environments
from services.store.compute_environments import EnvironmentState
from services.store.db.database import Database

Factory = Callable[[EnvironmentState], Compute]

RETRY_DELAY = timedelta(seconds=2)
SILENT_RETRY_DELAY = timedelta(seconds=60)

logger = logging.getLogger(__name__)


class KindNotServed(ComputeFailed):
    """This server cannot use compute environments of this kind; another one may."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"This server cannot use compute environments of the kind {kind}.")


@dataclass(frozen=True, slots=True)
class _Entry:
    """A `Compute`, and the compute environment that it was made for, in its newest version known."""

    environment: EnvironmentState
    compute: VerifiedCompute

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
        self._verified: set[str] = set()
        self._silent: set[str] = set()
        self._listeners: set[Callable[[str], None]] = set()

    @property
    def verified(self) -> frozenset[str]:
        """The ids of the compute environments whose engine this process has found to be the recorded one."""
        return frozenset(self._verified)

    @property
    def silent(self) -> frozenset[str]:
        """The ids of the compute environments whose engine has not answered this process since its start."""
        return frozenset(self._silent)

    def subscribe(self, callback: Callable[[str], None]) -> Callable[[], None]:
        """Calls `callback` with the id of a compute environment once its engine is no longer the recorded one, or answers no more.

        Returns what ends that.
        """
        self._listeners.add(callback)
        return lambda: self._listeners.discard(callback)

    async def get(self, environment_id: str) -> VerifiedCompute:
        """Returns the client of a compute environment, also of a disabled one. Raises ComputeFailed if it was deleted, and as `of`."""
        return self.of(await self._environment(environment_id))

    def of(self, environment: EnvironmentState) -> VerifiedCompute:
        """Returns the compute for this state of a compute environment, or for a newer one. Raises KindNotServed.

        One that was made from other settings is closed in the background: its open calls end with ComputeUnknown, and are made again.
        """
        entry = self._entries.get(environment.id)
        if entry is not None and entry.serves(environment):
            return entry.compute
        factory = self._factories.get(environment.kind)
        if factory is None:
            raise KindNotServed(environment.kind)
        breaker = CircuitBreaker(partial(self._notify, environment.id), EngineCalls(environment.id))
        compute = VerifiedCompute(factory(environment), partial(self.verify, environment.id), breaker)
        self._entries[environment.id] = _Entry(environment, compute)
        if entry is not None:
            self._close_later(entry)
        return compute

    def retry_delay(self, environment_id: str) -> timedelta:
        """Returns how long to wait before an unanswered call is made again. All Studios are due once a silent engine answers."""
        if self.is_silent(environment_id):
            return SILENT_RETRY_DELAY * uniform(0.5, 1)  # noqa: S311 - no secret
        return RETRY_DELAY

    def is_silent(self, environment_id: str) -> bool:
        """Returns whether calls to the engine of the compute environment are refused now, because it did not answer several of them."""
        entry = self._entries.get(environment_id)
        return entry is not None and entry.compute.breaker.is_open

    async def wait_until_answering(self, environment_id: str) -> None:
        """Returns at once unless the engine of the compute environment is known not to answer; then once it has answered."""
        entry = self._entries.get(environment_id)
        if entry is not None:
            await entry.compute.breaker.wait_closed()

    def _notify(self, environment_id: str) -> None:
        for callback in tuple(self._listeners):
            callback(environment_id)

    async def verify(self, environment_id: str) -> None:
        """Compares the engine with the recorded one, which it becomes if none is recorded.

        Raises UnidentifiedEngine, ComputeFailed (KindNotServed, or it was deleted); ComputeUnknown where it does not answer, which tells
        nothing: one that was verified before counts as verified.
        """
        try:
            await self._compare(await self._environment(environment_id))
        except EngineSilent:
            if environment_id not in self._verified:
                self._silent.add(environment_id)
            raise
        except (UnidentifiedEngine, ComputeFailed):
            self._silent.discard(environment_id)
            if environment_id in self._verified:
                self._verified.discard(environment_id)
                self._notify(environment_id)
            raise
        self._silent.discard(environment_id)
        self._verified.add(environment_id)

    async def close(self) -> None:
        """Closes all clients. Sessions continue to run."""
        await asyncio.gather(*self._closing)
        for entry in self._entries.values():
            await entry.compute.close()
        self._entries.clear()

    async def _environment(self, environment_id: str) -> EnvironmentState:
        async with self._database.read() as reader:
            environment = await compute_environments.find(reader, environment_id)
        if environment is None:
            raise ComputeFailed("The compute environment was deleted.")
        return environment

    async def _compare(self, environment: EnvironmentState) -> None:
        engine = self.of(environment).inner
        if environment.engine_id is None:
            marked = await engine.mark_engine(new_id())
            async with self._database.write() as transaction:
                await compute_environments.record_engine(transaction, environment.id, marked)
            environment = await self._environment(environment.id)
        await require_recorded_engine(engine, environment)

    def _close_later(self, entry: _Entry) -> None:
        task = asyncio.create_task(_close(entry), name=f"close {entry.environment.name}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _close(entry: _Entry) -> None:
    try:
        await entry.compute.close()
    except Exception:
        logger.exception("The former connections to %s could not be closed", entry.environment.name)
