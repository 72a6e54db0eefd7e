"""Watches compute environments for changed sessions, and checks each one every CHECK_INTERVAL_SECONDS."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from itertools import chain
from typing import Any, cast

from services.compute.protocol import Change, Compute, ComputeFailed, ComputeUnknown, Report, UnidentifiedEngine
from services.compute.registry import KindNotServed
from services.controller.controller_services import ControllerServices
from services.controller.error_text import describe_error, error_sentence
from services.runtime import metrics
from services.runtime.background_loop import BackgroundLoop, Backoff
from services.store import compute_environments, leases
from services.store.compute_environments import EnvironmentState
from services.store.db.database import DatabaseUnavailable

logger = logging.getLogger(__name__)

LIST_INTERVAL_SECONDS = 2.0
"""How soon a new compute environment is watched. A session of it that ends before is noticed when its watch begins."""
CHECK_INTERVAL_SECONDS = 60.0
"""The time between two checks of one compute environment."""
CHECK_TIMEOUT_SECONDS = 30.0
"""A compute environment that takes longer for a check counts as unreachable."""
RETRY_SECONDS = 2.0
"""The pause before a watch or check that failed is tried again."""
RETRY = Backoff(RETRY_SECONDS, RETRY_SECONDS)
CHECK_RETRY = Backoff(RETRY_SECONDS, CHECK_INTERVAL_SECONDS)
REPORTED_ELSEWHERE = (DatabaseUnavailable, ComputeUnknown, ComputeFailed)
"""Errors that need no line of the log: the check stores those of a compute environment, and other loops log those of the database."""


class EnvironmentObserver:
    """Runs a watch and a periodic check of each compute environment in use. A change only marks Studios as due for the controller."""

    def __init__(self, services: ControllerServices) -> None:
        self._services = services
        self._environments: dict[str, EnvironmentState] = {}
        self._loops: dict[str, list[BackgroundLoop]] = {}
        self._loop = BackgroundLoop(
            "observer",
            self._reconcile_loops,
            failure="The compute environments could not be listed",
            backoff=RETRY,
            silent=REPORTED_ELSEWHERE,
        )
        self._unsubscribe: Callable[[], None] = lambda: None

    async def start(self) -> None:
        self._unsubscribe = self._services.computes.subscribe(self._check_now)
        self._loop.start()

    async def close(self) -> None:
        self._unsubscribe()
        await self._loop.stop()
        await asyncio.gather(*(loop.stop() for loop in chain(*self._loops.values())))

    def _check_now(self, environment_id: str) -> None:
        for loop in self._loops.get(environment_id, []):
            loop.wake()

    async def _reconcile_loops(self) -> float:
        async with self._services.database.read() as reader:
            self._environments = {environment.id: environment for environment in await compute_environments.in_use(reader)}
        for environment in self._environments.values():
            if environment.id not in self._loops:
                self._loops[environment.id] = self._create_loops(environment)
                for loop in self._loops[environment.id]:
                    loop.start()
        for removed in self._loops.keys() - self._environments.keys():
            for loop in self._loops.pop(removed):
                loop.cancel()
            metrics.forget_environment(removed)
        return LIST_INTERVAL_SECONDS

    def _create_loops(self, environment: EnvironmentState) -> list[BackgroundLoop]:
        watch, check = partial(self._watch, environment.id), partial(self._check, environment.id)
        watch_failure = f"The changes of {environment.name} could not be followed"
        check_failure = f"The state of {environment.name} could not be stored"
        return [
            BackgroundLoop("environment watch", watch, failure=watch_failure, backoff=RETRY, silent=REPORTED_ELSEWHERE),
            BackgroundLoop("environment check", check, failure=check_failure, backoff=CHECK_RETRY, silent=REPORTED_ELSEWHERE),
        ]

    async def _check(self, environment_id: str) -> float:
        """Records the result of a check. For another engine only a message: other controllers may reach the right one."""
        environment = self._environments[environment_id]
        pause = CHECK_INTERVAL_SECONDS
        try:
            was_open = self._services.computes.of(environment).breaker.is_open
            state = await _check_result(self._services, environment)
        except KindNotServed:
            return CHECK_INTERVAL_SECONDS
        except UnidentifiedEngine as error:
            state, pause = {"message": describe_error(error)}, RETRY_SECONDS
        async with self._services.database.read() as reader:
            stored = await compute_environments.find(reader, environment.id)
        if stored is not None and any(getattr(stored, name) != value for name, value in state.items()):
            async with self._services.database.write() as transaction:
                await compute_environments.change(transaction, environment.id, **state)
        breaker = self._services.computes.of(environment).breaker
        if breaker.is_open:
            return breaker.next_probe_seconds()
        if was_open:
            await self._mark_all_due(environment)
        return pause

    async def _watch(self, environment_id: str) -> float:
        """Verifies the engine, since another one may have taken its place while it was not watched.

        Then it marks all its Studios as due, since changes may have been missed, and after that those whose sessions change.
        """
        environment = self._environments[environment_id]
        await self._services.computes.wait_until_answering(environment.id)
        await self._services.computes.verify(environment.id)
        compute = self._services.computes.of(environment)
        await self._mark_all_due(environment)
        await self._follow_changes(environment, compute)
        return RETRY_SECONDS

    async def _follow_changes(self, environment: EnvironmentState, compute: Compute) -> None:
        async with aclosing(cast("Any", compute.watch())) as changes:
            async for change in changes:
                await self._mark_due(environment, change)

    async def _mark_due(self, environment: EnvironmentState, change: Change) -> None:
        if change.name is None:
            await self._mark_all_due(environment)
            return
        async with self._services.database.write() as transaction:
            await leases.mark_due(transaction, change.name.studio_id, change.name.number)
            transaction.wake("studio", change.name.studio_id)

    async def _mark_all_due(self, environment: EnvironmentState) -> None:
        async with self._services.database.write() as transaction:
            await leases.mark_environment_due(transaction, environment.id)
            transaction.wake("studio", "")
            transaction.wake("build", "")


async def _check_result(services: ControllerServices, environment: EnvironmentState) -> dict[str, Any]:
    """Returns the columns to store after a check. Raises KindNotServed, UnidentifiedEngine."""
    report, message = await _report(services, environment)
    state: dict[str, Any] = {"reachable": report is not None, "message": message}
    if report is not None:
        state |= {"cpu": report.cpu, "memory_mib": report.memory_mib, "gpu": report.gpu}
    return state


async def _report(services: ControllerServices, environment: EnvironmentState) -> tuple[Report | None, str | None]:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
            report = await services.computes.of(environment).check()
    except (KindNotServed, UnidentifiedEngine):
        raise
    except (ComputeUnknown, ComputeFailed) as error:
        return None, error_sentence(error)
    except TimeoutError:
        return None, f"It did not answer within {CHECK_TIMEOUT_SECONDS:g} s."
    except Exception:
        logger.exception("%s could not be checked", environment.name)
        return None, "It could not be checked because of an internal error, which is in the log of the server."
    return report, " ".join((*report.notes, *report.warnings)) or None
