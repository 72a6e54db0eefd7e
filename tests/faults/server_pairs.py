"""Two servers of each role over one PostgreSQL database and data directory, and clients that turn to the other server of a role where
one does not answer, as a load balancer lets them.
"""

import asyncio
import contextlib
import random
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import httpx

from services.store.db.database import Database
from studiograph.walkthrough.server import client
from tests.factories import World
from tests.server import Server, end_sessions, seed

ROLES = ("proxy", "api", "controller")
SESSIONS_DOMAIN = "sessions.test:80"
"""Of both proxies: it is named in the Host header, and nobody resolves it."""
ANSWER_SECONDS = 4.0
"""A server that takes longer counts as gone, and the client turns to the other one."""
CALL_SECONDS = 60.0
RETRIED_STATUSES = frozenset({429, 502, 503, 504})
T = TypeVar("T")


class NoAnswer(Exception):
    """The server did not answer, or asked for the call to be repeated."""


@dataclass(slots=True)
class ServerPairs:
    """`pairs` has the two servers of each role. `stranger` is a controller with a data directory of its own: another engine."""

    directory: Path
    world: World
    database: Database
    pairs: dict[str, list[Server]]
    stranger: Server
    sessions: aiohttp.ClientSession

    @property
    def servers(self) -> list[Server]:
        return [server for role in ROLES for server in self.pairs[role]]

    @property
    def data_directory(self) -> Path:
        return self.directory / "shared"

    async def call(self, role: str, chance: random.Random, attempt: Callable[[Server], Awaitable[T]]) -> T:
        """Returns what `attempt` does with one of the two servers, tried in turn until one answers. Fails after CALL_SECONDS."""
        loop = asyncio.get_running_loop()
        until = loop.time() + CALL_SECONDS
        while True:
            for server in chance.sample(self.pairs[role], 2):
                try:
                    async with asyncio.timeout(ANSWER_SECONDS):
                        return await attempt(server)
                except (NoAnswer, httpx.TransportError, aiohttp.ClientError, TimeoutError) as error:
                    if loop.time() > until:
                        raise AssertionError(f"neither {role} answers") from error
            await asyncio.sleep(0.1)

    async def graphql(self, chance: random.Random, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The data of one operation, sent again until an API answers: mutations need an idempotency key. Fails on GraphQL errors."""

        async def attempt(server: Server) -> dict[str, Any]:
            response = await server.post(query, variables)
            if response.status_code in RETRIED_STATUSES:
                raise NoAnswer(response.status_code)
            answer = response.json()
            assert not answer.get("errors"), answer["errors"]
            return dict(answer["data"])

        return await self.call("api", chance, attempt)

    def freeze(self, server: Server) -> None:
        assert server.process
        server.process.send_signal(signal.SIGSTOP)

    def thaw(self, server: Server) -> None:
        assert server.process
        with contextlib.suppress(ProcessLookupError):
            server.process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def server_pairs(directory: Path, database_url: str) -> AsyncIterator[ServerPairs]:
    """All six serve; the stranger is not started yet."""
    world, database = await seed(database_url), Database(database_url)
    shared = {
        "data_dir": str(directory / "shared"),
        "secret_key": "3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "connect_domain": SESSIONS_DOMAIN,
        "checkpoint_interval_seconds": "1",
    }

    def server(name: str, role: str, **settings: str) -> Server:
        (directory / name).mkdir()
        return Server(directory / name, database_url, world, shared | settings, role=role, port=_free_port())

    pairs = {role: [server(f"{role}{number}", role) for number in (1, 2)] for role in ROLES}
    stranger = server("stranger", "controller", data_dir=str(directory / "elsewhere"))
    async with AsyncExitStack() as stack:
        stack.callback(end_sessions, directory)
        stack.push_async_callback(database.close)
        sessions = await stack.enter_async_context(client())
        fleet = ServerPairs(directory, world, database, pairs, stranger, sessions)
        for each in (*fleet.servers, stranger):
            stack.push_async_callback(_end, fleet, each)
        for each in fleet.servers:
            await each.start()
        yield fleet


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


async def _end(fleet: ServerPairs, server: Server) -> None:
    if server.process:
        fleet.thaw(server)
    await server.stop()
    await server.http.aclose()
