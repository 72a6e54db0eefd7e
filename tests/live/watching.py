"""Watching subscriptions as a viewer does, through the function that runs every operation, and making Studios change."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import delete, update

from resolvers.context import make_context
from schema.build import build_schema, core_schema
from schema.execution import Executor
from schema.ids import encode
from schema.request_errors import OperationRejected
from schema.requests import OperationRequest
from services.connections.addresses import Addresses
from services.domain.access import Viewer
from services.domain.actor import Actor
from services.domain.events import Kind, NewEvent
from services.domain.time_policy import TimePolicy
from services.services import Services
from services.store import outbox
from services.store.db.database import Database
from services.store.tables import core
from tests import factories
from tests.factories import World
from tests.live.conftest import SYSTEM, Live
from tests.waiting import soon

SCHEMA = build_schema()


class Refusal(Exception):
    """Errors instead of frames, or in one."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(errors)
        self.codes = [error["extensions"]["code"] for error in errors]
        self.messages = [error["message"] for error in errors]


class Watcher:
    """Frames of one subscription, as a client gets them: the value of its only root field."""

    def __init__(self, payloads: AsyncGenerator[bytes, None]) -> None:
        self._payloads = payloads

    async def frame(self) -> Any:
        """The next one. Raises Refusal, StopAsyncIteration."""
        try:
            body = json.loads(await soon(anext(self._payloads)))
        except OperationRejected as refused:
            raise Refusal(refused.errors) from refused
        if body.get("errors"):
            raise Refusal(body["errors"])
        (value,) = body["data"].values()
        return value

    async def frames(self, number: int) -> list[Any]:
        return [await self.frame() for _ in range(number)]

    async def ends(self) -> bool:
        """Whether it completes without a further frame."""
        try:
            await self.frame()
        except StopAsyncIteration:
            return True
        return False


@asynccontextmanager
async def watch(live: Live, viewer: Viewer, query: str, **variables: Any) -> AsyncIterator[Watcher]:
    """`query` is what stands in `subscription { ... }`; `$scope`, `$after`, `$id` and `$filter` may be used in it."""
    services = SimpleNamespace(
        database=live.database,
        broker=live.broker,
        revocation_watcher=live.revocation_watcher,
        stats_feed=live.stats_feed,
        output_signals=live.output_signals,
        addresses=Addresses("http://127.0.0.1:8000", "localhost:8000"),
        policy=TimePolicy(),
    )
    executor = Executor(core_schema(SCHEMA), lambda viewer: make_context(cast("Services", services), viewer))
    types = {"scope": "StudioScope!", "after": "Cursor", "id": "ID!", "filter": "StudioFilter"}
    declared = ", ".join(f"${name}: {kind}" for name, kind in types.items() if f"${name}" in query)
    document = f"subscription{f'({declared})' if declared else ''} {{ {query} }}"
    payloads = executor.stream(OperationRequest(document, None, variables), viewer)
    try:
        yield Watcher(payloads)
    finally:
        await payloads.aclose()


def workspace(world: World) -> dict[str, str]:
    """The scope of all Studios."""
    return {"workspaceId": encode("Workspace", world.workspace_id)}


def studio(studio_id: str) -> dict[str, str]:
    """The scope of one."""
    return {"studioId": encode("Studio", studio_id)}


async def log(database: Database, world: World, studio_id: str, kind: Kind, actor: Actor = SYSTEM, **payload: Any) -> None:
    """An event of the Studio alone."""
    async with database.write() as transaction:
        event = NewEvent(kind, actor, payload, studio_id, "A Studio", payload.get("user_id"))
        await outbox.append(transaction, world.workspace_id, [event])


async def enter(database: Database, world: World, studio_id: str, previous: str, status: str, **payload: Any) -> None:
    """A change of status, as the controller writes it."""
    async with database.write() as transaction:
        await transaction.execute(update(core.studio).where(core.studio.c.id == studio_id).values(status=status))
        event = NewEvent(Kind.STUDIO_STATUS, SYSTEM, {"previous_status": previous, "status": status, **payload}, studio_id, "A Studio")
        await outbox.append(transaction, world.workspace_id, [event])


async def create(database: Database, world: World, **values: Any) -> str:
    """A new Studio, with its event."""
    studio_id = await factories.create_studio(database, world, **values)
    await log(database, world, studio_id, Kind.STUDIO_CREATED, world.viewer.actor, status=values.get("status", "STOPPED"))
    return studio_id


async def remove(database: Database, world: World, studio_id: str) -> None:
    """A deletion, with its event."""
    async with database.write() as transaction:
        await transaction.execute(delete(core.studio).where(core.studio.c.id == studio_id))
        await outbox.append(transaction, world.workspace_id, [NewEvent(Kind.STUDIO_DELETED, SYSTEM, {}, studio_id, "A Studio")])
