"""A controller at work on a fresh world, and what tests ask of it and do to it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import update

from services.controller.builds.builder import Builder
from services.controller.controller import Controller
from services.controller.controller_services import ControllerServices
from services.controller.lifecycle.environment_observer import EnvironmentObserver
from services.controller.logs.log_collector import LogCollector
from services.controller.maintenance.checkpoint_audit import CheckpointAudit
from services.controller.maintenance.resource_cleaner import ResourceCleaner
from services.controller.migration.checker import MigrationChecker
from services.domain.session_name import SessionName
from services.store.db.database import Database, Wake
from services.store.db.wakeups import Wakeups
from services.store.tables import core
from services.studios.requests import CreateStudioRequest
from services.studios.studios import Studios
from tests.controller.faulty_compute import FaultyCompute
from tests.factories import World
from tests.waiting import eventually

WAIT_TIMEOUT_S = 30.0


@dataclass
class SwitchableWakes:
    """The wake-ups of the controller; while `silent`, it hears of no command."""

    wakeups: Wakeups
    silent: bool = False
    deliver: Callable[[Wake], None] = lambda wake: None
    """Has the controller hear of a wake-up at once, within the call."""

    def subscribe(self, callback: Callable[[Wake], None]) -> Callable[[], None]:
        self.deliver = callback
        return self.wakeups.subscribe(lambda wake: None if self.silent else callback(wake))


@dataclass
class ControllerHarness:
    """The commands, the controller and the faulty compute environment of one test."""

    database: Database
    wakeups: Wakeups
    world: World
    compute: FaultyCompute
    services: ControllerServices
    studios: Studios
    controller: Controller = field(init=False)
    running: list[Any] = field(default_factory=list)
    controller_wakes: SwitchableWakes = field(init=False)

    def __post_init__(self) -> None:
        self.controller_wakes = SwitchableWakes(self.wakeups)

    async def start(self) -> None:
        """A controller begins, as after a start of the server."""
        self.controller = Controller(self.services, self.controller_wakes)
        self.running = [
            self.controller,
            Builder(self.services, self.wakeups),
            ResourceCleaner(self.services),
            EnvironmentObserver(self.services),
            CheckpointAudit(self.services, self.wakeups),
            LogCollector(self.services, self.wakeups),
            MigrationChecker(self.services, self.wakeups),
        ]
        for part in self.running:
            await part.start()

    async def verified(self) -> None:
        """Wait until the controller has verified a compute environment, and so works on its Studios."""

        async def is_verified() -> bool:
            return bool(self.services.computes.verified)

        await eventually(is_verified)

    async def crash(self) -> None:
        """The controller ends; what it held in memory is lost."""
        for part in reversed(self.running):
            await part.close()
        self.running = []

    async def add(self, **values: Any) -> str:
        request = CreateStudioRequest(self.world.workspace_id, values.pop("name", "Cells"), self.world.template_id, **values)
        return (await self.studios.create(self.world.viewer, request)).studio_id

    async def row(self, studio_id: str) -> dict[str, Any]:
        async with self.database.read() as reader:
            statement = core.studio.select().where(core.studio.c.id == studio_id)
            return dict((await reader.execute(statement)).mappings().one())

    async def rows(self, table: Any) -> list[dict[str, Any]]:
        """The rows of a table in the order in which they were written."""
        order = [table.c[name] for name in ("created_at", "seq", "position") if name in table.c]
        async with self.database.read() as reader:
            return [dict(row) for row in (await reader.execute(table.select().order_by(*order))).mappings()]

    async def name(self, studio_id: str) -> SessionName:
        row = await self.row(studio_id)
        return SessionName(self.world.installation_id, studio_id, row["public_id"], row["session_number"])

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until the condition holds after some commit, with a time limit."""
        async with self.commits() as commits, asyncio.timeout(WAIT_TIMEOUT_S):
            while not await condition():
                await commits.wait()
                commits.clear()

    async def status(self, studio_id: str, expected: str) -> dict[str, Any]:
        """Wait until the Studio has this status."""

        async def has_status() -> bool:
            return bool((await self.row(studio_id))["status"] == expected)

        try:
            await self.until(has_status)
        except TimeoutError:
            row = await self.row(studio_id)
            raise AssertionError(f"{row['status']}: {row['status_message']}, never {expected}") from None
        return await self.row(studio_id)

    async def called(self, call: str, times: int = 1) -> None:
        """Wait until the compute environment was asked for this so many times."""
        async with asyncio.timeout(WAIT_TIMEOUT_S):
            while self.compute.calls.count(call) < times:
                self.compute.called.clear()
                await self.compute.called.wait()

    @asynccontextmanager
    async def commits(self) -> AsyncIterator[asyncio.Event]:
        """An event that each commit sets."""
        event = asyncio.Event()
        unsubscribe = self.database.on_commit(lambda _: event.set())
        try:
            yield event
        finally:
            unsubscribe()


async def message_contains(harness: ControllerHarness, studio: str, text: str) -> bool:
    return text in ((await harness.row(studio))["status_message"] or "")


async def no_cleanup_left(harness: ControllerHarness) -> bool:
    """All that there was to remove has been removed; tasks may stay that look for what comes into being late."""
    return all(row["attempts"] and row["message"] is None for row in await harness.rows(core.session_cleanup))


async def change_sessions(harness: ControllerHarness, **values: Any) -> None:
    """Write times of the sessions, as if time had passed, and have the controller look."""
    async with harness.database.write() as transaction:
        if values:
            await transaction.execute(update(core.session).values(**values))
        await transaction.execute(update(core.studio).values(due_at=transaction.now))
        transaction.wake("studio", "")


async def mark_all_due(harness: ControllerHarness) -> None:
    """Have the controller look at every Studio."""
    await change_sessions(harness)


async def database_now(harness: ControllerHarness) -> datetime:
    async with harness.database.write() as transaction:
        return transaction.now
