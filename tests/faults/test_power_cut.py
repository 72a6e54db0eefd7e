"""The machine loses power on SQLite: what was committed durably is there, and a save whose record was lost is found again."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from schema.ids import encode
from services.store.db.database import Database, Transaction
from tests.server import Server, running
from tests.waiting import eventually

CREATE = """mutation($input: CreateStudioInput!) {
  createStudio(input: $input) { ... on StudioPayload { studio { id } } ... on Error { message } }
}"""
STOP = """mutation($id: ID!) {
  stopStudio(input: { studioId: $id }) { ... on StudioPayload { studio { status } } ... on Error { message } }
}"""
STUDIO = """query($id: ID!) { studio(id: $id) {
  status statusMessage stopReason checkpoints(first: 5) { edges { node { status } } }
} }"""
NORMAL, FULL = 1, 2
"""SQLite's `synchronous`: with FULL the log is on the disk when a transaction is committed, with all that was committed before."""


@pytest.fixture
async def server(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Server]:
    async with running(tmp_path, sqlite_url) as server:
        yield server


async def status(server: Server, studio: str, expected: str) -> bool:
    return bool((await server.graphql(STUDIO, {"id": studio}))["studio"]["status"] == expected)


def put_back(synced: Path, path: Path) -> None:
    """What the disk held when the power went: an earlier state of the database, and no log of later transactions."""
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    synced.rename(path)


@pytest.mark.behaviour("B31")
async def test_a_stop_whose_record_was_lost_is_completed_from_the_finished_save(server: Server, tmp_path: Path, sqlite_url: str) -> None:
    request = {"workspaceId": encode("Workspace", server.world.workspace_id), "name": "Power"}
    request["templateId"] = encode("Template", server.world.template_id)
    studio = (await server.graphql(CREATE, {"input": request}))["createStudio"]["studio"]["id"]
    await eventually(lambda: status(server, studio, "RUNNING"))
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(tmp_path / "synced.db")) as target:
        source.backup(target)
    await server.graphql(STOP, {"id": studio})
    await eventually(lambda: status(server, studio, "STOPPED"))
    await server.kill9()
    put_back(tmp_path / "synced.db", path)
    await server.start()
    await eventually(lambda: status(server, studio, "STOPPED"))
    shown = (await server.graphql(STUDIO, {"id": studio}))["studio"]
    assert [edge["node"]["status"] for edge in shown["checkpoints"]["edges"]] == ["FINALIZED"]
    assert "had been stopped and saved" in shown["statusMessage"]


async def synchronous(transaction: Transaction) -> int:
    async with (await transaction.driver()).execute("PRAGMA synchronous") as rows:
        return int((await rows.fetchone())[0])


async def test_a_transaction_is_on_the_disk_when_it_is_committed_unless_it_may_be_lost(sqlite_url: str) -> None:
    database = Database(sqlite_url, pool_size=1)
    for durable, expected in ((True, FULL), (False, NORMAL), (True, FULL), (True, FULL)):
        async with database.write(durable=durable) as transaction:
            assert await synchronous(transaction) == expected
    async with database.write() as transaction:
        assert await synchronous(transaction) == FULL
    await database.close()
