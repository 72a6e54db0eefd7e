"""What becomes of a session, as a client of the API sees it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing
from math import ceil
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from services.compute.docker.naming import INSTALLATION
from services.compute.protocol import Upstream
from services.store.db.database import Database
from services.store.tables import core
from tests.docker.tiny_image import docker
from tests.graphql_ids import global_id
from tests.main_job.conftest import Opening
from tests.server import Server
from tests.waiting import WAIT_LIMIT_S, eventually, promised

ERROR = "... on Error { __typename code message } ... on NotAllowedNowError { status until }"
CREATE = f"mutation($input: CreateStudioInput!) {{ createStudio(input: $input) {{ ... on StudioPayload {{ studio {{ id }} }} {ERROR} }} }}"
START = f"mutation($id: ID!) {{ startStudio(input: {{ studioId: $id }}) {{ ... on StudioPayload {{ operation {{ id }} }} {ERROR} }} }}"
STOP = f"mutation($id: ID!) {{ stopStudio(input: {{ studioId: $id }}) {{ ... on StudioPayload {{ operation {{ id }} }} {ERROR} }} }}"
DELETE = f"mutation($id: ID!) {{ deleteStudio(input: {{ studioId: $id }}) {{ __typename {ERROR} }} }}"
STUDIO = """query($id: ID!) { studio(id: $id) {
  status statusMessage statusSince stopReason url connectedUsers { tabs }
  progress { name state message } checkpoints { nodes { name status size parent { name } } }
  sessions { nodes { number } } } }"""
WATCH = """subscription($id: ID!) { studioStatusChanged(scope: { studioId: $id }) {
  ... on StudioStatusEvent { previousStatus status statusMessage stopReason actor { name cause } } } }"""


async def add(server: Server, name: str = "Cells", **environment: str) -> str:
    """A Studio that does not run yet, with these variables for its tool."""
    variables = [{"key": key, "value": value, "secret": False} for key, value in environment.items()]
    request = {
        "workspaceId": global_id("Workspace", server.world.workspace_id),
        "templateId": global_id("Template", server.world.template_id),
        "name": name,
        "autoStart": False,
        "environment": variables,
    }
    return str((await server.graphql(CREATE, {"input": request}))["createStudio"]["studio"]["id"])


async def next_statuses(frames: AsyncIterator[dict[str, Any]], *statuses: str) -> list[dict[str, Any]]:
    """The next status events, which must be these."""
    events = []
    async with asyncio.timeout(WAIT_LIMIT_S):
        for status in statuses:
            event = (await anext(frames))["studioStatusChanged"]
            assert event["status"] == status, event
            events.append(event)
    return events


async def studio(server: Server, studio_id: str) -> dict[str, Any]:
    row: dict[str, Any] = (await server.graphql(STUDIO, {"id": studio_id}))["studio"]
    return row


async def tool(server: Server) -> httpx.AsyncClient:
    """The newest session's tool, past the proxy."""
    database = Database(server.database_url)
    async with database.read() as reader:
        newest = select(core.session.c.upstream).order_by(core.session.c.number.desc()).limit(1)
        upstream = Upstream.from_json((await reader.execute(newest)).scalar_one())
    await database.close()
    transport = httpx.AsyncHTTPTransport(uds=upstream.unix)
    return httpx.AsyncClient(transport=transport, base_url=f"http://{upstream.host or 'tool'}:{upstream.port or 80}")


async def kill(server: Server, pid: int) -> None:
    """The session's main process, which calls itself `pid`, from outside."""
    label_filter = f"label={INSTALLATION}={server.world.installation_id}"
    containers = docker("ps", "-q", "--filter", label_filter) if server.settings.get("process_compute") == "false" else ""
    if containers:
        docker("kill", containers)
    else:
        os.kill(pid, signal.SIGKILL)


@pytest.mark.behaviour("B1")
@pytest.mark.behaviour("B2")
@pytest.mark.behaviour("B8")
@pytest.mark.behaviour("B10")
@pytest.mark.behaviour("B30")
@pytest.mark.behaviour("B32")
@pytest.mark.behaviour("B83")
async def test_a_studio_starts_stops_into_a_checkpoint_and_starts_again_from_it(server: Server) -> None:
    cells = await add(server, "My cells")
    async with aclosing(server.subscribe(WATCH, {"id": cells})) as frames:  # type: ignore[type-var]  # an async generator
        await anext(frames)
        await server.graphql(START, {"id": cells})
        starting, started = await next_statuses(frames, "STARTING", "RUNNING")
        assert (starting["previousStatus"], started["previousStatus"], started["actor"]["name"]) == ("STOPPED", "STARTING", "ada")
        async with await tool(server) as client:
            await client.put("/files/notes", content=b"what I found")
        await server.graphql(STOP, {"id": cells})
        stopping, stopped = await next_statuses(frames, "STOPPING", "STOPPED")
        assert {stopping["stopReason"], stopped["stopReason"]} == {"USER_REQUEST"}
        await server.graphql(START, {"id": cells})
        await next_statuses(frames, "STARTING", "RUNNING")
        async with await tool(server) as client:
            assert (await client.get("/files/notes")).text == "what I found"
    row = await studio(server, cells)
    newest, first = row["checkpoints"]["nodes"]
    assert (newest["name"], newest["status"], newest["parent"]["name"]) == ("My_cells_2", "EMPTY", "My_cells_1")
    assert (first["status"], first["size"] > 0) == ("FINALIZED", True)
    assert {step["state"] for step in row["progress"]} == {"SUCCEEDED"}


@pytest.mark.behaviour("B3")
@pytest.mark.behaviour("B6")
@pytest.mark.behaviour("B7")
@pytest.mark.behaviour("B21")
async def test_while_it_starts_it_is_not_running_and_can_neither_be_stopped_nor_deleted(server: Server) -> None:
    cells = await add(server, TINY_DELAY="1.5")
    async with aclosing(server.subscribe(WATCH, {"id": cells})) as frames:  # type: ignore[type-var]  # an async generator
        await anext(frames)
        await server.graphql(START, {"id": cells})
        await next_statuses(frames, "STARTING")
        row = await studio(server, cells)
        assert (row["status"], row["url"]) == ("STARTING", None)
        refused = (await server.graphql(STOP, {"id": cells}))["stopStudio"]
        assert (refused["__typename"], refused["status"]) == ("NotAllowedNowError", "STARTING")
        assert refused["until"] > row["statusSince"]
        assert (await server.graphql(DELETE, {"id": cells}))["deleteStudio"]["__typename"] == "NotAllowedNowError"
        await next_statuses(frames, "RUNNING")
    assert (await studio(server, cells))["url"].startswith("http://s.a")


@pytest.mark.behaviour("B12")
@pytest.mark.behaviour("B31")
@pytest.mark.parametrize(("code", "status"), [("0", "STOPPED"), ("3", "ERRORED")])
async def test_a_tool_that_ends_by_itself_is_saved(server: Server, code: str, status: str) -> None:
    cells = await add(server, TINY_EXIT_AFTER="0.5", TINY_EXIT_CODE=code)
    async with aclosing(server.subscribe(WATCH, {"id": cells})) as frames:  # type: ignore[type-var]  # an async generator
        await anext(frames)
        await server.graphql(START, {"id": cells})
        *_, stopping, ended = await next_statuses(frames, "STARTING", "RUNNING", "STOPPING", status)
    assert (stopping["stopReason"], ended["stopReason"], ended["statusMessage"]) == (
        "EXITED",
        "EXITED",
        f"The tool ended by itself (exit code {code}). Its files were saved.",
    )
    [checkpoint] = (await studio(server, cells))["checkpoints"]["nodes"]
    assert checkpoint["status"] == "FINALIZED"


@pytest.mark.behaviour("B12")
@pytest.mark.behaviour("B31")
async def test_a_tool_that_is_killed_from_outside_loses_nothing(server: Server) -> None:
    cells = await add(server)
    async with aclosing(server.subscribe(WATCH, {"id": cells})) as frames:  # type: ignore[type-var]  # an async generator
        await anext(frames)
        await server.graphql(START, {"id": cells})
        await next_statuses(frames, "STARTING", "RUNNING")
        async with await tool(server) as client:
            await client.put("/files/notes", content=b"what I found")
            await kill(server, (await client.get("/pids")).json()["pid"])
        await next_statuses(frames, "STOPPING", "ERRORED")
        await server.graphql(START, {"id": cells})
        await next_statuses(frames, "STARTING", "RUNNING")
        async with await tool(server) as client:
            assert (await client.get("/files/notes")).text == "what I found"


@pytest.mark.behaviour("B7")
async def test_a_start_that_misses_its_deadline_ends_by_itself(opening: Opening) -> None:
    async with opening(start_deadline_seconds=str(ceil(promised(2)))) as server:
        cells = await add(server, TINY_NEVER="1")
        async with aclosing(server.subscribe(WATCH, {"id": cells})) as frames:  # type: ignore[type-var]  # an async generator
            await anext(frames)
            await server.graphql(START, {"id": cells})
            _, ended = await next_statuses(frames, "STARTING", "ERRORED")
        assert ended["stopReason"] == "START_TIMEOUT"
        assert "answers no HTTP request" in ended["statusMessage"]


@pytest.mark.behaviour("B2")
async def test_a_tool_that_cannot_start_says_why_and_a_repaired_one_starts(server: Server) -> None:
    cells = await add(server, TINY_EXIT_AFTER="0", TINY_EXIT_CODE="4", TINY_DELAY="5", TINY_PRINT="no such module")
    async with aclosing(server.subscribe(WATCH, {"id": cells})) as frames:  # type: ignore[type-var]  # an async generator
        await anext(frames)
        await server.graphql(START, {"id": cells})
        _, ended = await next_statuses(frames, "STARTING", "ERRORED")
    assert ended["stopReason"] == "START_FAILED"
    assert "exit code 4" in ended["statusMessage"]
    assert "no such module" in ended["statusMessage"]


@pytest.mark.behaviour("B4")
@pytest.mark.behaviour("B57")
async def test_a_session_ends_with_its_lifespan(server: Server) -> None:
    cells = await add(server)
    database = Database(server.database_url)
    async with aclosing(server.subscribe(WATCH, {"id": cells})) as frames:  # type: ignore[type-var]  # an async generator
        await anext(frames)
        await server.graphql(START, {"id": cells})
        await next_statuses(frames, "STARTING", "RUNNING")
        async with database.write() as transaction:  # as if eight hours had gone by
            await transaction.execute(update(core.session).values(expires_at=transaction.now))
            await transaction.execute(update(core.studio).values(due_at=transaction.now))
        _, ended = await next_statuses(frames, "STOPPING", "STOPPED")
    await database.close()
    assert (ended["stopReason"], ended["actor"]["cause"]) == ("LIFESPAN_EXPIRED", "lifespan")


STATS = "query($id: ID!) { studio(id: $id) { stats { cpu cpuLimit memoryBytes memoryLimitBytes networkSentBytes processes } } }"
WATCH_STATS = "subscription($id: ID!) { studioStats(studioId: $id) { at memoryBytes } }"


@pytest.mark.behaviour("B85")
async def test_what_a_session_uses_is_shown_while_it_runs_and_streamed_over_its_restart(server: Server) -> None:
    cells = await add(server)
    async with (
        aclosing(server.subscribe(WATCH, {"id": cells})) as statuses,  # type: ignore[type-var]  # an async generator
        aclosing(server.subscribe(WATCH_STATS, {"id": cells})) as measured,  # type: ignore[type-var]
    ):
        await anext(statuses)
        await server.graphql(START, {"id": cells})
        await next_statuses(statuses, "STARTING", "RUNNING")
        async with asyncio.timeout(WAIT_LIMIT_S):
            first = (await anext(measured))["studioStats"]
        shown = (await server.graphql(STATS, {"id": cells}))["studio"]["stats"]
        assert 4 << 20 < shown["memoryBytes"] < 64 << 20
        assert shown["processes"] >= 1
        on_engine = server.settings.get("process_compute") == "false"
        assert {shown[name] is not None for name in ("cpuLimit", "memoryLimitBytes", "networkSentBytes")} == {on_engine}
        await server.graphql(STOP, {"id": cells})
        await next_statuses(statuses, "STOPPING", "STOPPED")
        assert (await server.graphql(STATS, {"id": cells}))["studio"]["stats"] is None
        stopped_at = (await studio(server, cells))["statusSince"]
        await server.graphql(START, {"id": cells})
        await next_statuses(statuses, "STARTING", "RUNNING")
        async with asyncio.timeout(WAIT_LIMIT_S):
            async for frame in measured:
                if frame["studioStats"]["at"] > stopped_at:
                    break
        assert first["at"] < stopped_at


@pytest.mark.behaviour("B5", "B22")
async def test_a_deleted_studio_leaves_nothing_where_it_ran(server: Server) -> None:
    cells = await add(server)
    async with aclosing(server.subscribe(WATCH, {"id": cells})) as frames:  # type: ignore[type-var]  # an async generator
        await anext(frames)
        await server.graphql(START, {"id": cells})
        await next_statuses(frames, "STARTING", "RUNNING")
        assert held(server) != []
        await server.graphql(STOP, {"id": cells})
        await next_statuses(frames, "STOPPING", "STOPPED")
        assert len(held(server)) == 1  # the checkpoint
        assert (await server.graphql(DELETE, {"id": cells}))["deleteStudio"]["__typename"] == "DeleteStudioPayload"

    async def nothing() -> bool:
        return held(server) == []

    await eventually(nothing)


def held(server: Server) -> list[str]:
    """What this server has where sessions run: containers, networks and images of its engine, or files."""
    if server.settings.get("process_compute") != "false":
        kept = [path for name in ("sessions", "checkpoints") for path in (server.directory / "data" / name).glob("*")]
        return [path.name for path in kept if path.name.startswith("sg-") or path.suffix == ".zst"]
    mine = f"label={INSTALLATION}={server.world.installation_id}"
    lists = [["ps", "-aq", "--filter", mine], ["network", "ls", "-q", "--filter", mine]]
    lists.append(["images", "-q", f"studiograph-{server.world.installation_id[:8]}/*"])
    return [line for words in lists for line in docker(*words).splitlines()]
