"""A database with a long history, and the plans by which it answers: statements that run again and again must not read all of it."""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Table, event, insert, text, update

from services.domain.actor import Actor
from services.domain.events import Kind, NewEvent
from services.store import outbox, outputs
from services.store.db.database import Database, Transaction
from services.store.tables import core
from tests import factories
from tests.factories import World

PROXIES = 500
ACTOR = Actor.system("test")
LONG_AGO = datetime.now(UTC) - timedelta(days=30)
LARGE_TABLES = frozenset(
    table.name
    for table in (
        core.studio,
        core.session,
        core.checkpoint,
        core.event,
        core.output,
        core.connection,
        core.operation,
    )
)
SMALL_INDEXES = frozenset({"ix_session_open", "ix_output_open", "ix_connection_open", "ix_connection_open_of_proxy", "ix_studio_due_at"})
"""These hold rows of what runs now alone, so that reading one from end to end is cheap."""


@dataclass(frozen=True, slots=True)
class HistorySize:
    """How many rows a history has; `sessions` of each table in which a session has a row."""

    studios: int = 4_000
    sessions: int = 100_000
    events: int = 100_000


@dataclass(frozen=True, slots=True)
class LongHistory:
    """`studio_id` runs, in session `session_id`; all others ended long ago, and most of the log is about another Studio."""

    database: Database
    world: World
    studio_id: str
    session_id: str


async def make(database: Database, size: HistorySize | None = None) -> LongHistory:
    """Fills an empty migrated database, in a few seconds."""
    size = size or HistorySize()
    world = await factories.create_world(database)
    stopped = await factories.create_studio(database, world, status="STOPPED", session_number=1)
    session_id = await factories.create_session(database, world, stopped, ended_at=LONG_AGO, saved=True)
    checkpoint_id = await factories.create_checkpoint(database, world, stopped)
    connection_id = await factories.create_connection(database, world, stopped, ended_at=LONG_AGO)
    operation_id = await factories.create_operation(database, world, stopped, state="SUCCEEDED", ended_at=LONG_AGO)
    running = await factories.create_studio(database, world, status="RUNNING", session_number=1, due_at=datetime.now(UTC))
    open_session = await factories.create_session(database, world, running)
    async with database.write() as transaction:
        await outbox.append(transaction, world.workspace_id, [NewEvent(Kind.STUDIO_EDITED, ACTOR, {"revision": 1}, stopped, "Old")])
        output = await outputs.find_or_add(transaction, session_id)
        await outputs.close(transaction, output.id)
        copies = RowCopies(transaction, database.dialect)
        of_studio, number = copies.id_of(f"n.i % {size.studios} + 1"), f"n.i / {size.studios} + 2"
        await copies.add(core.studio, stopped, size.studios, public_id="'s' || n.i", name_key="'studio ' || n.i")
        await copies.add(core.session, session_id, size.sessions, studio_id=of_studio, number=number)
        await copies.add(core.checkpoint, checkpoint_id, size.sessions, studio_id=of_studio, number=number, name_key="'c' || n.i")
        await transaction.execute(insert(core.proxy_instance).values(id="p" * 32, started_at=LONG_AGO, heartbeat_at=LONG_AGO))
        await copies.add(core.proxy_instance, "p" * 32, PROXIES)
        await copies.add(core.connection, connection_id, size.sessions, studio_id=of_studio, proxy_id=copies.id_of(f"n.i % {PROXIES} + 1"))
        await copies.add(core.operation, operation_id, size.sessions, studio_id=of_studio)
        await copies.add(core.output, output.id, size.sessions)
        await copies.add(core.event, stopped, size.events, key="studio_id", seq="n.i + 1", studio_id=of_studio)
        await transaction.execute(update(core.stream).where(core.stream.c.id == world.workspace_id).values(head=size.events + 1))
        await transaction.execute(text("ANALYZE"))
    return LongHistory(database, world, running, open_session)


@dataclass(frozen=True, slots=True)
class RowCopies:
    """Inserts many copies of a row, with other values in some columns: SQL over `n.i`, the number of the copy."""

    transaction: Transaction
    dialect: str

    def id_of(self, number: str) -> str:
        """SQL for the id of the copy of that number."""
        return f"printf('%032x', {number})" if self.dialect == "sqlite" else f"lpad(to_hex({number}), 32, '0')"

    async def add(self, table: Table, row_id: str, count: int, *, key: str = "id", **expressions: str) -> None:
        if "id" in table.c:
            expressions = {"id": self.id_of("n.i")} | expressions
        columns = [column.name for column in table.columns]
        values = ", ".join(expressions.get(name, f'base."{name}"') for name in columns)
        names = ", ".join(f'"{name}"' for name in columns)
        numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
        source = f'SELECT {values} FROM "{table.name}" base, n WHERE base."{key}" = :row_id'
        await self.transaction.execute(text(f'INSERT INTO "{table.name}" ({names}) {numbers} {source}'), {"row_id": row_id})


@dataclass(slots=True)
class QueryPlans:
    """The statements that a database ran, each with the parts of its plan that read a large table from end to end."""

    scans: dict[str, list[str]] = field(default_factory=dict)


@asynccontextmanager
async def watched(database: Database) -> AsyncIterator[QueryPlans]:
    """Collects the plans of all that is run on connections that are opened meanwhile."""
    plans = QueryPlans()
    statements: list[str] = []

    def on_connect(connection: Any, _record: Any) -> None:
        if database.dialect == "sqlite":
            connection.run_async(lambda driver: driver.set_trace_callback(statements.append))
        else:
            connection.driver_connection.add_log_listener(lambda _, message: _read_plan(plans, message.message))
            for statement in AUTO_EXPLAIN:
                connection.run_async(lambda driver, statement=statement: driver.execute(statement))

    engines = {database.engine, database.reserved_engine}
    for engine in engines:
        await engine.dispose()
        event.listen(engine.sync_engine, "connect", on_connect)
    try:
        yield plans
    finally:
        for engine in engines:
            event.remove(engine.sync_engine, "connect", on_connect)
            await engine.dispose()
    if database.dialect == "sqlite":
        await _explain(database, statements, plans)


AUTO_EXPLAIN = (
    "LOAD 'auto_explain'",
    "SET auto_explain.log_min_duration = 0",
    "SET auto_explain.log_format = 'json'",
    "SET auto_explain.log_level = 'notice'",
    "SET plan_cache_mode = 'force_generic_plan'",
)
"""Generic plans are what a statement gets that is run often, whatever its parameters."""


def _read_plan(plans: QueryPlans, message: str) -> None:
    if "plan:" not in message:
        return
    explained = json.loads(message[message.index("{") :])
    plans.scans.setdefault(explained["Query Text"], []).extend(_scans(explained["Plan"]))


def _scans(node: Mapping[str, Any]) -> Iterator[str]:
    """Reading a small index from end to end is none, and neither is the beginning of one, up to a limit."""
    if node.get("Relation Name") in LARGE_TABLES:
        if node["Node Type"] == "Seq Scan":
            yield f"Seq Scan on {node['Relation Name']}"
        elif "Index Cond" not in node and node["Node Type"].startswith("Index") and node.get("Index Name") not in SMALL_INDEXES:
            yield f"whole index {node.get('Index Name')}"
    for child in node.get("Plans", ()):
        yield from _scans(child)


SQLITE_SCAN = re.compile(r"^SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?")


async def _explain(database: Database, statements: list[str], plans: QueryPlans) -> None:
    async with database.read() as reader:
        driver = await reader.driver()
        for statement in dict.fromkeys(statements):
            if not statement.lstrip().upper().startswith(("SELECT", "UPDATE", "DELETE", "INSERT", "WITH")):
                continue
            rows = await driver.execute_fetchall(f"EXPLAIN QUERY PLAN {statement}")
            matches = [SQLITE_SCAN.match(row[3]) for row in rows]
            scans = [
                match[0] for match in matches if match and _table(match[1], statement) in LARGE_TABLES and match[2] not in SMALL_INDEXES
            ]
            plans.scans.setdefault(statement, []).extend(scans)


def _table(alias: str, statement: str) -> str:
    """The table of an alias in a plan of SQLite, which names aliases."""
    match = re.search(rf'(?:FROM|JOIN|,)\s+"?(\w+)"?\s+AS\s+"?{re.escape(alias)}"?\b', statement, re.IGNORECASE)
    return match[1] if match else alias
