"""Listens to the compute environments, and checks them now and then."""

import asyncio
import logging
from contextlib import aclosing
from itertools import chain
from typing import Any, cast

from services.compute.protocol import Change, Compute, ComputeFailed, ComputeUnknown, Report
from services.controller.controller_services import ControllerServices
from services.controller.error_text import describe_error
from services.store import compute_environments, leases
from services.store.compute_environments import EnvironmentState
from services.store.db.database import DatabaseUnavailable

log = logging.getLogger(__name__)

LIST_SECONDS = 2.0
"""How long a new environment may be unknown to us: a session of it that ends meanwhile is noticed when we begin to listen."""
CHECK_SECONDS = 60.0
CHECK_LIMIT_SECONDS = 30.0
RETRY_SECONDS = 2.0


class Observer:
    """One listener and one checker for each environment where sessions may run; what they find only says where to look."""

    def __init__(self, services: ControllerServices) -> None:
        self._services = services
        self._task: asyncio.Task[None] | None = None
        self._there: dict[str, EnvironmentState] = {}
        self._tended: dict[str, list[asyncio.Task[None]]] = {}

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="observer")

    async def close(self) -> None:
        tasks = [task for task in [self._task, *chain(*self._tended.values())] if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self._look()
            except DatabaseUnavailable:
                pass  # told by what else needs it
            except Exception:
                log.exception("The compute environments could not be listed; it is tried again")
            await asyncio.sleep(LIST_SECONDS)

    async def _look(self) -> None:
        async with self._services.database.read() as reader:
            self._there = {environment.id: environment for environment in await compute_environments.in_use(reader)}
        for environment in self._there.values():
            if environment.id not in self._tended:
                work = (self._watch(environment), self._keep_checked(environment.id))
                self._tended[environment.id] = [asyncio.create_task(each, name=f"observe {environment.name}") for each in work]
        for gone in self._tended.keys() - self._there.keys():
            for task in self._tended.pop(gone):
                task.cancel()

    async def _keep_checked(self, environment_id: str) -> None:
        while environment := self._there.get(environment_id):
            try:
                await self._check(environment)
            except DatabaseUnavailable:
                pass
            except Exception:
                log.exception("What %s has could not be noted; it is tried again", environment.name)
            await asyncio.sleep(CHECK_SECONDS)

    async def _check(self, environment: EnvironmentState) -> None:
        report, message = await _checked(self._services, environment)
        found: dict[str, Any] = {"reachable": report is not None, "message": message}
        if report is not None:
            found |= {"cpu": report.cpu, "memory_mib": report.memory_mib, "gpu": report.gpu}
        if all(getattr(environment, name) == value for name, value in found.items()):
            return
        async with self._services.database.write() as transaction:
            await compute_environments.change(transaction, environment.id, **found)

    async def _watch(self, environment: EnvironmentState) -> None:
        """Listen; look at everything whenever something may have been missed."""
        while True:
            environment = self._there.get(environment.id, environment)
            try:
                compute = self._services.computes.of(environment)
                await self._all(environment)
                await self._listen(environment, compute)
            except (ComputeUnknown, ComputeFailed):
                pass  # told by the check, and by each Studio's own look
            except Exception:
                log.exception("Listening to %s failed; it is tried again", environment.name)
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self, environment: EnvironmentState, compute: Compute) -> None:
        async with aclosing(cast("Any", compute.watch())) as changes:
            async for change in changes:
                await self._changed(environment, change)

    async def _changed(self, environment: EnvironmentState, change: Change) -> None:
        if change.name is None:
            await self._all(environment)
            return
        async with self._services.database.write() as transaction:
            await leases.mark_due(transaction, change.name.studio_id, change.name.number)
            transaction.wake("studio", change.name.studio_id)

    async def _all(self, environment: EnvironmentState) -> None:
        async with self._services.database.write() as transaction:
            await leases.mark_environment_due(transaction, environment.id)
            transaction.wake("studio", "")


async def _checked(services: ControllerServices, environment: EnvironmentState) -> tuple[Report | None, str | None]:
    try:
        async with asyncio.timeout(CHECK_LIMIT_SECONDS):
            report = await services.computes.of(environment).check()
    except (ComputeUnknown, ComputeFailed) as error:
        return None, describe_error(error)
    except TimeoutError:
        return None, f"It said nothing for {CHECK_LIMIT_SECONDS:g} s."
    except Exception:
        log.exception("%s could not be checked", environment.name)
        return None, "It could not be checked: an error inside the server, which is told in its log."
    return report, " ".join((*report.notes, *report.warnings)) or None
