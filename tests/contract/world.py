"""A small schema with one field for each thing that can happen to an operation."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import strawberry
from strawberry.types import Info

from schema.build import core_schema
from services.domain.access import TokenScope, Viewer
from services.domain.errors import BadArgument, Forbidden, Unauthenticated
from services.store.db.database import DatabaseUnavailable
from tests.waiting import WAIT_LIMIT_S

TOKEN = "sgt_good"
LOST = "The database is not available: connection refused"
SECRET = "postgresql://admin:hunter2@db/prod"


class World:
    """What the schema's fields act on, and what tests look at."""

    def __init__(self) -> None:
        self.contexts: list[Context] = []
        self.written: list[str] = []
        self.started = asyncio.Event()
        self.go_on = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.queues: list[asyncio.Queue[object]] = []
        self.open_streams = 0
        self.streams_changed = asyncio.Condition()
        self.ended_tokens: dict[str, asyncio.Event] = {}
        self.authenticating = asyncio.Event()
        self.may_authenticate = asyncio.Event()

    def make_context(self, viewer: Viewer) -> "Context":
        self.contexts.append(context := Context(viewer, self))
        return context

    async def authenticate(self, bearer: str) -> Viewer:
        match bearer:
            case "slow":
                self.authenticating.set()
                await self.may_authenticate.wait()
            case "broken":
                raise KeyError(SECRET)
            case "lost":
                raise DatabaseUnavailable(LOST)
            case "bad":
                raise Unauthenticated("This access token is unknown, expired or revoked.")
        return Viewer("u1", "Ada", bearer, frozenset(TokenScope))

    async def token_ended(self, viewer: Viewer) -> None:
        if viewer.token_id == "unwatchable":
            raise ConnectionError(SECRET)
        await self.ended_tokens.setdefault(viewer.token_id, asyncio.Event()).wait()

    def end_token(self, token_id: str) -> None:
        self.ended_tokens.setdefault(token_id, asyncio.Event()).set()

    async def emit(self, *items: object) -> None:
        for queue in self.queues:
            for item in items:
                queue.put_nowait(item)

    async def streams(self, count: int) -> None:
        """Wait until so many subscriptions are open."""
        async with asyncio.timeout(WAIT_LIMIT_S), self.streams_changed:
            await self.streams_changed.wait_for(lambda: self.open_streams == count)

    async def stream(self) -> AsyncIterator[object]:
        queue: asyncio.Queue[object] = asyncio.Queue()
        self.queues.append(queue)
        await self._count(1)
        try:
            while (item := await queue.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            self.queues.remove(queue)
            await self._count(-1)

    async def _count(self, change: int) -> None:
        async with self.streams_changed:
            self.open_streams += change
            self.streams_changed.notify_all()


@dataclass
class Context:
    viewer: Viewer
    world: World
    loaded: dict[str, Any] = field(default_factory=dict)


Ctx = Info[Context, None]


@strawberry.type
class Person:
    name: str
    age: int = 36

    @strawberry.field
    def friends(self, first: int | None = None) -> list["Person"]:
        return [Person(name=f"{self.name}.{index}") for index in range(first or 2)]

    @strawberry.field
    def crowd(self) -> list["Person | None"]:
        """Longer than is assumed of a list without a page size."""
        return [Person(name=f"{self.name}.{index}") for index in range(99)]

    @strawberry.field
    def broken(self) -> str | None:
        raise KeyError(SECRET)

    @strawberry.field
    async def slow(self, info: Ctx) -> str:
        await info.context.world.go_on.wait()
        return "at last"


@strawberry.type
class Page:
    total_count: int
    nodes: list[Person]


@strawberry.input
class Filter:
    name: str
    age: strawberry.Maybe[int]


@strawberry.input(one_of=True)
class By:
    id: strawberry.Maybe[strawberry.ID]
    name: strawberry.Maybe[str]


@strawberry.type
class Query:
    @strawberry.field
    def me(self, info: Ctx) -> Person:
        return Person(name=info.context.viewer.user_name)

    @strawberry.field
    def people(self, first: int = 20) -> Page:
        return Page(total_count=1000, nodes=[Person(name=f"p{index}") for index in range(first)])

    @strawberry.field
    def some(self, names: list[str]) -> list[Person]:
        return [Person(name=name) for name in names]

    @strawberry.field
    def echo(self, text: str = "") -> str:
        return text

    @strawberry.field
    def find(self, filter: Filter) -> str:  # noqa: A002 - the argument's name
        return filter.name

    @strawberry.field
    def one(self, by: By) -> str:
        return by.name.value if by.name else "by id"

    @strawberry.field
    def remember(self, info: Ctx, key: str) -> int:
        """How many times this operation has asked for the key."""
        loaded = info.context.loaded
        loaded[key] = loaded.get(key, 0) + 1
        return int(loaded[key])

    @strawberry.field
    def broken(self) -> str | None:
        raise RuntimeError(SECRET)

    @strawberry.field
    def not_an_int(self) -> int | None:
        return SECRET  # type: ignore[return-value]

    @strawberry.field
    def lost(self) -> str | None:
        raise DatabaseUnavailable(LOST)

    @strawberry.field
    def unwritable(self) -> str | None:
        """JSON in UTF-8 cannot hold it."""
        return SECRET + "\ud800"

    @strawberry.field
    def forbidden(self) -> str | None:
        raise Forbidden("This needs the role MAINTAIN or above.", field=["input", "name"])

    @strawberry.field
    def search(self) -> str | None:
        raise BadArgument("search", "BAD_SEARCH", "Unknown key `staus`.")

    @strawberry.field
    def never(self) -> str:
        raise Forbidden("No.")

    @strawberry.field
    async def slow(self, info: Ctx) -> str:
        world = info.context.world
        world.started.set()
        try:
            await world.go_on.wait()
        except asyncio.CancelledError:
            world.cancelled.set()
            raise
        return "at last"


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def write(self, info: Ctx, text: str) -> str:
        info.context.world.written.append(text)
        return text

    @strawberry.mutation
    async def lost_write(self) -> str | None:
        raise DatabaseUnavailable(LOST)

    @strawberry.mutation
    async def slow_write(self, info: Ctx, text: str) -> str:
        world = info.context.world
        world.started.set()
        await world.go_on.wait()
        world.written.append(text)
        return text


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def items(self, info: Ctx) -> AsyncIterator[str]:
        async for item in info.context.world.stream():
            yield str(item)

    @strawberry.subscription
    async def people(self, info: Ctx) -> AsyncIterator[Person]:
        async for item in info.context.world.stream():
            yield Person(name=str(item))

    @strawberry.subscription
    async def count(self, to: int) -> AsyncIterator[int]:
        """Never waits by itself."""
        for number in range(to):
            yield number

    @strawberry.subscription
    async def endless(self, size: int = 1000) -> AsyncIterator[str]:
        while True:
            yield "x" * size

    @strawberry.subscription
    async def denied(self) -> AsyncIterator[str]:
        raise Forbidden("This needs the role VIEW or above.")
        yield ""

    @strawberry.subscription
    async def lost(self) -> AsyncIterator[str]:
        raise DatabaseUnavailable(LOST)
        yield ""

    @strawberry.subscription
    async def remembered(self, info: Ctx) -> AsyncIterator[str]:
        async for item in info.context.world.stream():
            yield f"{item} {id(info.context) == id(info.context.world.contexts[-1])}"


SCHEMA = core_schema(strawberry.Schema(Query, Mutation, Subscription))
