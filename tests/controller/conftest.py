"""A controller at work on a fresh world."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from services.commands import CommandRunner
from services.compute.protocol import SessionName
from services.compute.registry import Computes
from services.controller.builder import Builder
from services.controller.cleaner import Cleaner
from services.controller.collector import Collector
from services.controller.controller import Controller
from services.controller.observer import Observer
from services.controller.work import Tools
from services.policy import Policy
from services.secret_box import SecretBox
from services.store import core
from services.store.database import Database
from services.store.wakeups import Wakeups
from services.studios.inputs import CreateStudio
from services.studios.studios import Studios
from tests import factories
from tests.controller.faulty import Faulty
from tests.factories import World

LIMIT_SECONDS = 30.0


@dataclass
class House:
    """All that a test needs to command a Studio and see what becomes of it."""

    database: Database
    wakeups: Wakeups
    world: World
    compute: Faulty
    tools: Tools
    studios: Studios
    running: list[Any] = field(default_factory=list)

    async def start(self) -> None:
        """A controller begins, as after a start of the server."""
        self.running = [
            Controller(self.tools, self.wakeups),
            Builder(self.tools, self.wakeups),
            Cleaner(self.tools),
            Observer(self.tools),
            Collector(self.tools, self.wakeups),
        ]
        for part in self.running:
            await part.start()

    async def crash(self) -> None:
        """The controller is gone; nothing that it held in memory matters."""
        for part in reversed(self.running):
            await part.close()
        self.running = []

    async def add(self, **given: Any) -> str:
        asked = CreateStudio(self.world.workspace_id, given.pop("name", "Cells"), self.world.template_id, **given)
        return (await self.studios.create(self.world.viewer, asked)).studio_id

    async def row(self, studio_id: str) -> dict[str, Any]:
        async with self.database.read() as reader:
            statement = core.studio.select().where(core.studio.c.id == studio_id)
            return dict((await reader.execute(statement)).mappings().one())

    async def rows(self, table: Any) -> list[dict[str, Any]]:
        async with self.database.read() as reader:
            return [dict(row) for row in (await reader.execute(table.select())).mappings()]

    async def name(self, studio_id: str) -> SessionName:
        row = await self.row(studio_id)
        return SessionName(self.world.installation_id, studio_id, row["public_id"], row["session_number"])

    async def until(self, found: Callable[[], Any], what: str = "it") -> None:
        """Wait for what a commit brings, with a limit."""
        async with self._commits() as commits, asyncio.timeout(LIMIT_SECONDS):
            while not await found():
                await commits.wait()
                commits.clear()

    async def status(self, studio_id: str, wanted: str) -> dict[str, Any]:
        """Wait until the Studio has this status."""

        async def there() -> bool:
            return bool((await self.row(studio_id))["status"] == wanted)

        try:
            await self.until(there)
        except TimeoutError:
            row = await self.row(studio_id)
            raise AssertionError(f"{row['status']}: {row['status_message']}, never {wanted}") from None
        return await self.row(studio_id)

    async def called(self, what: str, times: int = 1) -> None:
        """Wait until the compute environment was asked for `what` so often."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while self.compute.calls.count(what) < times:
                self.compute.called.clear()
                await self.compute.called.wait()

    @asynccontextmanager
    async def _commits(self) -> AsyncIterator[asyncio.Event]:
        event = asyncio.Event()
        forget = self.database.on_commit(lambda _: event.set())
        try:
            yield event
        finally:
            forget()


@pytest.fixture
def policy() -> Policy:
    return Policy(observe_every=timedelta(seconds=5))


@pytest.fixture
async def house(database: Database, policy: Policy) -> AsyncIterator[House]:
    world = await factories.create_world(database)
    box = SecretBox(SecretBox.new_key())
    compute = Faulty()
    computes = Computes(database, {"process": lambda _: compute, "docker": lambda _: compute})
    tools = Tools(database, computes, policy, box, world.installation_id)
    wakeups = Wakeups(database)
    await wakeups.start()
    house = House(database, wakeups, world, compute, tools, Studios(CommandRunner(database), policy, box))
    await house.start()
    yield house
    await house.crash()
    await wakeups.close()
