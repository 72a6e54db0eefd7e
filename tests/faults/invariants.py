"""What must hold after any number of faults: nothing is lost, nothing is there twice, and nothing is left that no row names."""

import tempfile
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import Table, func, or_, select

from schema.ids import decode
from services.domain.events import Kind
from services.domain.session_name import SessionName
from services.store.db.database import Database
from services.store.db.types import json_value
from services.store.tables import core
from tests.faults.modelled_studio import ModelledStudio
from tests.faults.server_pairs import ServerPairs
from tests.server import processes_in
from tests.waiting import eventually

ENGINE_ID_FILE = ".engine-id"
CLEANUP_SECONDS = 90.0
"""A frozen proxy's connections are ended after 25 s, and a removal that failed is tried again after some seconds."""


async def rows(database: Database, table: Table, *conditions: Any) -> list[dict[str, Any]]:
    async with database.read() as reader:
        return [dict(row) for row in (await reader.execute(table.select().where(*conditions))).mappings()]


async def nothing_is_left(servers: ServerPairs) -> None:
    """Waits until what has ended has been removed."""

    async def clean() -> bool:
        return not await _left(servers)

    try:
        await eventually(clean, CLEANUP_SECONDS, 0.5)
    except TimeoutError:
        raise AssertionError(await _left(servers)) from None


async def _left(servers: ServerPairs) -> list[str]:
    database, data = servers.database, servers.data_directory
    left = [f"directory {path.name}" for path in (data / "sessions").iterdir() if path.name.startswith(("sg-", ".new-", ".gone-"))]
    left += [f"socket directory {path.name}" for path in _socket_directories(servers.world.installation_id)]
    left += [f"process {pid}" for pid in processes_in(data)]
    checkpoints = await rows(database, core.checkpoint, core.checkpoint.c.deleted_at.is_(None))
    named = {row["reference"] for row in checkpoints}
    stored = {path.name for path in (data / "checkpoints").iterdir() if path.name != ENGINE_ID_FILE}
    left += [f"archive {name}" for name in stored - named] + [f"missing archive {name}" for name in named - stored]
    for table in (core.session_cleanup, core.checkpoint_cleanup):
        not_done = or_(table.c.attempts == 0, table.c.message.is_not(None))  # a task stays that looks for what comes into being late
        left += [f"{table.name} {row}" for row in await rows(database, table, not_done)]
    left += [f"open session {row['id']}" for row in await rows(database, core.session, core.session.c.ended_at.is_(None))]
    left += [f"open tab {row['id']}" for row in await rows(database, core.connection, core.connection.c.ended_at.is_(None))]
    return left + [f"lease of {row['name']}" for row in await rows(database, core.studio, core.studio.c.lease_owner.is_not(None))]


def _socket_directories(installation_id: str) -> list[Path]:
    directory = Path(tempfile.gettempdir()) / f"sg-{installation_id[:8]}"
    return list(directory.iterdir()) if directory.exists() else []


async def no_session_runs_twice(servers: ServerPairs, studios: list[ModelledStudio]) -> None:
    """At every moment: no Studio has two open sessions, and no session has two tools."""
    counts = Counter(row["studio_id"] for row in await rows(servers.database, core.session, core.session.c.ended_at.is_(None)))
    assert max(counts.values(), default=0) <= 1, counts
    for studio in studios:
        name = SessionName(servers.world.installation_id, decode(studio.studio_id, "Studio"), studio.public_id, studio.sessions)
        tools = [pid for pid in processes_in(servers.data_directory / "sessions" / str(name)) if _is_tool(pid)]
        assert len(tools) <= 1, (studio.public_id, tools)


def _is_tool(pid: int) -> bool:
    try:
        return "tests/tools/tiny.py" in Path(f"/proc/{pid}/cmdline").read_text().split("\0")[-2]
    except (OSError, IndexError):
        return False


async def history_is_that_of(servers: ServerPairs, studios: list[ModelledStudio]) -> None:
    """Each start made one session with one checkpoint, and each change of a status one event, in the log's unbroken order."""
    database, workspace = servers.database, servers.world.workspace_id
    events = await rows(database, core.event, core.event.c.stream_id == workspace)
    events.sort(key=lambda row: int(row["seq"]))
    assert [row["seq"] for row in events] == list(range(1, len(events) + 1))
    assert any(row["kind"] == Kind.CONNECTED_USERS.value for row in events), "no tab was ever counted"
    for studio in studios:
        studio_id = decode(studio.studio_id, "Studio")
        own = [row for row in events if row["studio_id"] == studio_id]
        assert _statuses(own) == ["STARTING", "RUNNING", "STOPPING", "STOPPED"] * studio.sessions
        _assert_alternating(own)
        numbers = [row["number"] for row in await rows(database, core.session, core.session.c.studio_id == studio_id)]
        assert sorted(numbers) == list(range(1, studio.sessions + 1))
        checkpoints = await rows(database, core.checkpoint, core.checkpoint.c.studio_id == studio_id)
        assert [row["status"] for row in checkpoints] == ["FINALIZED"] * studio.sessions
        operations = await rows(database, core.operation, core.operation.c.studio_id == studio_id)
        assert {(row["kind"], row["state"]) for row in operations} == {("START", "SUCCEEDED"), ("STOP", "SUCCEEDED")}
        assert Counter(row["kind"] for row in operations) == {"START": studio.sessions, "STOP": studio.sessions}


def _statuses(events: list[dict[str, Any]]) -> list[str]:
    """The statuses that the Studio had, of which each event names the one before."""
    payloads = [json_value(row["payload"]) for row in events if row["kind"] == Kind.STUDIO_STATUS.value]
    for before, after in pairwise(payloads):
        assert before["status"] == after["previous_status"]
    return [payload["status"] for payload in payloads]


def _assert_alternating(events: list[dict[str, Any]]) -> None:
    """A user who joined leaves before joining again."""
    changes = [json_value(row["payload"])["change"] for row in events if row["kind"] == Kind.CONNECTED_USERS.value]
    assert changes == ["joined", "left"] * (len(changes) // 2)


async def head(servers: ServerPairs) -> int:
    async with servers.database.read() as reader:
        stream = core.event.c.stream_id == servers.world.workspace_id
        return int((await reader.execute(select(func.max(core.event.c.seq)).where(stream))).scalar_one())


async def status_seqs(servers: ServerPairs, after: int) -> list[int]:
    kind = core.event.c.kind == Kind.STUDIO_STATUS.value
    events = await rows(servers.database, core.event, core.event.c.stream_id == servers.world.workspace_id, kind, core.event.c.seq > after)
    return sorted(row["seq"] for row in events)
