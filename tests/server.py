"""A real server for a test: `python -m studiograph serve` on a loopback port of its own, over a fresh database and data directory.

`server` runs on SQLite; a test that wants PostgreSQL starts one with `running(tmp_path, postgresql_url)`. The world (see
`tests.factories`) has one template, whose tool is `tests/tools/tiny.py`, so that a Studio starts in a few tenths of a second.

Under pytest the process is a fork (`tests.fork_server`), which saves its imports at each of some hundred starts.
"""

import asyncio
import contextlib
import os
import re
import shlex
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from services.store.db.database import Database
from tests.factories import World, create_template, create_world
from tests.forked_process import ForkedProcess, fork
from tests.graphql_socket import GraphQLSocket

ROOT = Path(__file__).parent.parent
TINY = shlex.join([sys.executable, str(ROOT / "tests/tools/tiny.py")])
START_LIMIT = 90.0
WAIT_LIMIT = 60.0
T = TypeVar("T")


@dataclass(slots=True)
class Server:
    """The process, and a client for it. All times in seconds."""

    directory: Path
    database_url: str
    world: World
    settings: dict[str, str] = field(default_factory=dict)
    role: str = "all"
    port: int = 0
    is_fresh: bool = False
    """Starts the command itself instead of a fork (see `tests.fork_server`)."""
    process: asyncio.subprocess.Process | ForkedProcess | None = None
    http: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(timeout=30, trust_env=False))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What the server wrote to its log so far."""
        return (self.directory / "server.log").read_text()

    async def start(self) -> None:
        """Start it and wait until it serves; on the same port as before, if it ran before."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("STUDIOGRAPH_")}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # each test starts a server: compile our modules once
        environment |= {"STUDIOGRAPH_DATA_DIR": str(self.directory / "data"), "PYTHONUNBUFFERED": "1"}
        environment |= {f"STUDIOGRAPH_{name.upper()}": value for name, value in self.settings.items()}
        environment |= {"STUDIOGRAPH_DATABASE_URL": self.database_url, "STUDIOGRAPH_PORT": str(self.port)}
        arguments = ["serve", "--role", self.role]
        with (self.directory / "server.log").open("ab") as log:
            if self.is_fresh or "PYTEST_CURRENT_TEST" not in os.environ:  # a benchmark measures the command itself
                command = [sys.executable, "-m", "studiograph", *arguments]
                pipe = asyncio.subprocess.PIPE
                self.process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdout=pipe, stderr=log)
            else:
                self.process = await fork(arguments, ROOT, environment, log.fileno())
        self.port = await asyncio.wait_for(self._announced_port(), START_LIMIT)

    async def _announced_port(self) -> int:
        assert self.process
        assert self.process.stdout
        async for line in self.process.stdout:
            address = re.search(rb"http://[^ ]*:(\d+)", line)
            if address:
                return self.port or int(address[1])  # a proxy's address is that of all proxies, which may not be its own
            if self.role == "controller":
                return 0
        raise AssertionError(f"the server ended with {await self.process.wait()}:\n{self.log}")

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        return await self._end(signal.SIGTERM)

    async def kill9(self) -> None:
        """As if the machine's power went, for this process alone."""
        await self._end(signal.SIGKILL)

    async def restart(self) -> None:
        """Stop it if it still runs, and start it on the same port and data."""
        await self.stop()
        await self.start()

    async def _end(self, how: signal.Signals) -> int:
        if self.process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(how)
        assert self.process.stdout
        await self.process.stdout.read()
        code = await asyncio.wait_for(self.process.wait(), WAIT_LIMIT)
        self.process = None
        return code

    async def post(self, query: str, variables: dict[str, Any] | None = None, token: str | None = None) -> httpx.Response:
        """One operation as the server answers it. `token` "" sends none; None is the world's owner."""
        bearer = self.world.secret if token is None else token
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        return await self.http.post(f"{self.url}/graphql", json={"query": query, "variables": variables or {}}, headers=headers)

    async def graphql(self, query: str, variables: dict[str, Any] | None = None, token: str | None = None) -> dict[str, Any]:
        """The data of one operation; fails the test on any GraphQL error."""
        answer = (await self.post(query, variables, token)).json()
        assert not answer.get("errors"), answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    @asynccontextmanager
    async def socket(self, token: str | None = None) -> AsyncIterator[GraphQLSocket]:
        """An acknowledged graphql-transport-ws connection."""
        bearer = self.world.secret if token is None else token
        async with GraphQLSocket.connected(f"ws://127.0.0.1:{self.port}/graphql", bearer) as socket:
            yield socket

    async def subscribe(
        self, query: str, variables: dict[str, Any] | None = None, token: str | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """The data of each frame of one subscription, on a connection of its own. Close the iterator (`aclosing`) to end it."""
        async with self.socket(token) as socket:
            async for frame in socket.subscribe(query, variables):
                yield frame


async def seed(database_url: str) -> World:
    """A world whose template runs `tests/tools/tiny.py`."""
    database = Database(database_url)
    try:
        world = await create_world(database)
        template_id = await create_template(database, world.workspace_id, "Echo", image=TINY)
        return replace(world, template_id=template_id)
    finally:
        await database.close()


@asynccontextmanager
async def running(directory: Path, database_url: str, **settings: str) -> AsyncIterator[Server]:
    """A started server, ended when the block ends; sessions that it left running end with it."""
    server = Server(directory, database_url, await seed(database_url), settings)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
        await server.http.aclose()
        end_sessions(directory)


def end_sessions(directory: Path) -> None:
    """End every process that lives in `directory`: keepers and tools of a test that failed half-way."""
    for pid in processes_in(directory):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def processes_in(directory: Path) -> list[int]:
    """The ids of the processes whose working directory or command line lies in `directory`."""
    entries = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit() and int(entry.name) != os.getpid()]
    return [int(entry.name) for entry in entries if _lives_in(entry, directory)]


def _lives_in(entry: Path, directory: Path) -> bool:
    try:
        return str(directory) in (entry / "cmdline").read_text() or str(directory) in str((entry / "cwd").readlink())
    except (OSError, UnicodeDecodeError):
        return False


@pytest.fixture
async def server(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Server]:
    """A running server on SQLite."""
    async with running(tmp_path, sqlite_url) as server:
        yield server
