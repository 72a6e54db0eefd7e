"""Asking the schema as a viewer, through the function that runs every operation, and counting the statements that takes."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import event

from resolvers.context import make_context
from schema.build import build_schema, core_schema
from schema.document_size import DEFAULT_BOUNDS
from schema.execution import Executor
from schema.limits import Limits
from schema.requests import OperationRequest
from services.connections.addresses import Addresses
from services.domain.access import Viewer
from services.domain.time_policy import TimePolicy
from services.services import Services
from services.store.db.database import Database
from services.store.db.query import Query, Row

SCHEMA = build_schema()
GENEROUS = Limits(depth=30, fields=3000, aliases=300, cost=10_000_000, document=dict.fromkeys(DEFAULT_BOUNDS, 10_000))


@dataclass
class Reply:
    """What came back."""

    data: Any
    errors: list[dict[str, Any]] = field(default_factory=list)

    @property
    def error(self) -> dict[str, Any]:
        """The only error's extensions."""
        assert len(self.errors) == 1, self.errors
        return cast("dict[str, Any]", self.errors[0]["extensions"])


class Asker:
    """Runs operations for viewers."""

    def __init__(self, database: Database, limits: Limits = GENEROUS) -> None:
        self.database = database
        addresses = Addresses("http://127.0.0.1:8000", "localhost:8000")
        self.services = cast("Services", SimpleNamespace(database=database, addresses=addresses, policy=TimePolicy()))
        self._executor = Executor(core_schema(SCHEMA), lambda viewer: make_context(self.services, viewer), limits)

    async def ask(self, viewer: Viewer, query: str, **variables: Any) -> Reply:
        """The reply, with whatever errors it has."""
        answer = await self._executor.run(OperationRequest(query, None, variables), viewer)
        body = json.loads(answer.body)
        return Reply(body.get("data"), body.get("errors", []))

    async def data(self, viewer: Viewer, query: str, **variables: Any) -> Any:
        """The data of a reply that must be without errors."""
        reply = await self.ask(viewer, query, **variables)
        assert not reply.errors, reply.errors
        return reply.data

    async def statements(self, viewer: Viewer, query: str, **variables: Any) -> int:
        """How many SQL statements the operation took."""
        with counted(self.database) as count:
            await self.data(viewer, query, **variables)
        return len(count)


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """Collects the text of every statement that is run within: prepared ones and SQLAlchemy's."""
    seen: list[str] = []
    plain = database.statements.fetch

    async def fetch(connection: Any, query: Query, params: Mapping[str, Any]) -> list[Row]:
        seen.append(repr(query))
        return await plain(connection, query, params)

    def executed(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    database.statements.fetch = fetch  # type: ignore[method-assign]
    event.listen(database.engine.sync_engine, "before_cursor_execute", executed)
    try:
        yield seen
    finally:
        database.statements.fetch = plain  # type: ignore[method-assign]
        event.remove(database.engine.sync_engine, "before_cursor_execute", executed)
