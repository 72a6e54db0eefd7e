"""kill -9 of the server at random points: what intends to run runs, what intends to stop has its checkpoint, nothing is left behind."""

import asyncio
import random
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from schema.ids import encode
from services.store.db.database import Database
from services.store.tables import core
from tests.server import Server, running
from tests.soak import rounds
from tests.waiting import eventually

ROUNDS = {"sqlite": 4, "postgresql": 2}
"""Starts and stops with a kill each, in `make test`. On PostgreSQL a kill costs the rest of a lease: another server may be alive."""
LONGEST_STEP = 0.7
"""Seconds in which a start or stop of the tiny tool is over: the kills fall before, between and after its steps."""

CREATE = """mutation($input: CreateStudioInput!) {
  createStudio(input: $input) { ... on StudioPayload { studio { id } } ... on Error { message } }
}"""
START = """mutation($id: ID!) {
  startStudio(input: { studioId: $id }) { ... on StudioPayload { studio { status } } ... on Error { message } }
}"""
STOP = """mutation($id: ID!) {
  stopStudio(input: { studioId: $id }) { ... on StudioPayload { studio { status } } ... on Error { message } }
}"""
STATUS = """query($id: ID!) { studio(id: $id) { status statusMessage } }"""


class Story:
    """One Studio that is started and stopped again and again, while its server dies."""

    def __init__(self, server: Server, studio: str) -> None:
        self.server = server
        self.studio = studio
        self.database = Database(server.database_url)

    async def kill_at(self, point: float) -> None:
        """Kills the server `point` of the way through its longest step, and starts it again."""
        await asyncio.sleep(point * LONGEST_STEP)  # the point is what matters, so there is nothing to wait for
        await self.server.kill9()
        await self.server.start()

    async def status(self, expected: str) -> None:
        async def there() -> bool:
            studio = (await self.server.graphql(STATUS, {"id": self.studio}))["studio"]
            assert studio["status"] != "ERRORED", studio
            return bool(studio["status"] == expected)

        await eventually(there)

    async def socket(self) -> str:
        async with self.database.read() as reader:
            newest = select(core.session.c.upstream).order_by(core.session.c.number.desc()).limit(1)
            return str((await reader.execute(newest)).scalar_one()["unix"])

    async def tool(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=await self.socket()), base_url="http://tool")

    async def checkpoints(self) -> list[str]:
        async with self.database.read() as reader:
            rows = await reader.execute(select(core.checkpoint.c.status).order_by(core.checkpoint.c.number))
            return list(rows.scalars())


@pytest.fixture
async def story(tmp_path: Path, database_url: str) -> AsyncIterator[Story]:
    async with running(tmp_path, database_url) as server:
        request = {
            "workspaceId": encode("Workspace", server.world.workspace_id),
            "templateId": encode("Template", server.world.template_id),
            "name": "Survivor",
            "autoStart": False,
        }
        made = await server.graphql(CREATE, {"input": request})
        story = Story(server, made["createStudio"]["studio"]["id"])
        yield story
        await story.database.close()


def spread_points(count: int) -> list[float]:
    """Returns so many points between 0 and 1 in a random order: one at random in each of `count` equal parts."""
    points = [(part + random.random()) / count for part in range(count)]
    random.shuffle(points)
    return points


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.behaviour("B8")
@pytest.mark.behaviour("B10")
@pytest.mark.behaviour("B12")
async def test_kills_during_start_and_stop_lose_nothing(story: Story) -> None:
    number = rounds(ROUNDS[story.database.dialect])
    points = spread_points(2 * number)
    for round_number in range(number):
        await story.server.graphql(START, {"id": story.studio})
        await story.kill_at(points.pop())
        await story.status("RUNNING")
        async with await story.tool() as tool:
            for earlier in range(round_number):
                assert (await tool.get(f"/files/{earlier}")).text == f"round {earlier}"
            await tool.put(f"/files/{round_number}", content=f"round {round_number}".encode())
            pids = (await tool.get("/pids")).json()
        await story.server.graphql(STOP, {"id": story.studio})
        await story.kill_at(points.pop())
        await story.status("STOPPED")
        await eventually(partial(gone, pids))
    assert await story.checkpoints() == ["FINALIZED"] * number
    assert unrecorded_directories(story.server.directory) == []


@pytest.mark.slow
async def test_a_running_studio_runs_on_while_its_server_is_dead(story: Story) -> None:
    await story.server.graphql(START, {"id": story.studio})
    await story.status("RUNNING")
    async with await story.tool() as tool:
        before = (await tool.get("/pids")).json()
        await story.server.kill9()
        assert (await tool.get("/")).text == "tiny"
        await story.server.start()
        await story.status("RUNNING")
        assert (await tool.get("/pids")).json() == before


async def gone(pids: object) -> bool:
    """Every one of these processes has ended; whether its parent has noticed is not ours."""
    return all(_ended(pid) for pid in _numbers(pids))


def _ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def unrecorded_directories(directory: Path) -> list[Path]:
    """Sessions' directories that nothing needs any more."""
    return list((directory / "data").rglob("sg-*/files"))


def _numbers(answer: object) -> list[int]:
    """Every process id in an answer of the tool's /pids."""
    if isinstance(answer, dict):
        return [number for value in answer.values() for number in _numbers(value)]
    if isinstance(answer, list):
        return [number for value in answer for number in _numbers(value)]
    return [answer] if isinstance(answer, int) else []
