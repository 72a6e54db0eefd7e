"""A Studio that a client starts, writes to and stops, with a model of what its files must hold."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from studiograph.walkthrough.api_client import ApiError
from studiograph.walkthrough.notebook import exchange_code
from tests.faults.server_pairs import NoAnswer, ServerPairs
from tests.graphql_ids import global_id
from tests.server import Server
from tests.waiting import eventually

CREATE = """mutation($input: CreateStudioInput!) {
  createStudio(input: $input) { ... on StudioPayload { studio { id publicId } } ... on Error { message } } }"""
START = """mutation($input: StartStudioInput!) { startStudio(input: $input) { __typename ... on Error { message } } }"""
STOP = """mutation($input: StopStudioInput!) { stopStudio(input: $input) { __typename ... on Error { message } } }"""
CONNECT = """mutation($input: StudioActionInput!) {
  connectStudio(input: $input) { ... on ConnectStudioPayload { url } ... on Error { message } } }"""
STATUS = "query($id: ID!) { studio(id: $id) { status statusMessage } }"
STATUS_SECONDS = 150.0
"""A frozen controller's lease, its restart, and the wait for what it holds locked."""
POLL_SECONDS = 0.2
MAX_FILES_PER_SESSION = 3
MAX_SESSION_SECONDS = 4.0


@dataclass(slots=True)
class ModelledStudio:
    """`files` maps paths to contents that the tool has acknowledged; `sessions` counts starts, each of which is one session."""

    servers: ServerPairs
    chance: random.Random
    studio_id: str
    public_id: str
    sessions: int = 0
    files: dict[str, str] = field(default_factory=dict)
    tool_headers: dict[str, str] = field(default_factory=dict)

    async def session(self) -> None:
        """Starts the Studio, compares its files with the model, writes some, stays for a while, and stops it."""
        await self.start()
        async with self.tab():
            assert await self.stored_files() == self.files, f"{self.public_id} in session {self.sessions}"
            for number in range(self.chance.randrange(1, MAX_FILES_PER_SESSION + 1)):
                await self.write(f"{self.sessions}/{number}")
            await self.write("newest")
            await asyncio.sleep(self.chance.uniform(0, MAX_SESSION_SECONDS))  # how long it is used is what is random
        await self.stop()

    async def start(self) -> None:
        self.sessions += 1
        key = {"studioId": self.studio_id, "idempotencyKey": f"start {self.public_id} {self.sessions}"}
        answer = await self.servers.graphql(self.chance, START, {"input": key})
        assert answer["startStudio"]["__typename"] == "StudioPayload", answer
        self.tool_headers = {}
        await self.becomes("RUNNING")

    async def stop(self) -> None:
        key = {"studioId": self.studio_id, "idempotencyKey": f"stop {self.public_id} {self.sessions}"}
        answer = await self.servers.graphql(self.chance, STOP, {"input": key})
        assert answer["stopStudio"]["__typename"] == "StudioPayload", answer
        await self.becomes("STOPPED")

    async def becomes(self, status: str) -> None:
        async def has_status() -> bool:
            studio = (await self.servers.graphql(self.chance, STATUS, {"id": self.studio_id}))["studio"]
            assert studio["status"] != "ERRORED", studio
            return bool(studio["status"] == status)

        await eventually(has_status, STATUS_SECONDS, POLL_SECONDS)

    async def write(self, path: str) -> None:
        content = f"{self.public_id} {self.sessions} {self.chance.random()}"
        await self.ask("PUT", f"/files/{path}", content.encode())
        self.files[path] = content

    async def stored_files(self) -> dict[str, str]:
        """The contents of all files of the running session, by path, as they are on the disk."""
        directory = Path((await self.ask("GET", "/pids")).decode().partition('"cwd": "')[2].partition('"')[0])
        return _contents(directory)

    async def ask(self, method: str, path: str, data: bytes = b"") -> bytes:
        """The tool's answer through one of the proxies, asked again until there is one."""

        async def attempt(server: Server) -> bytes:
            headers = await self._tool_headers(server)
            url = f"http://127.0.0.1:{server.port}{path}"
            async with self.servers.sessions.request(method, url, headers=headers, data=data, allow_redirects=False) as response:
                if response.status >= 400 or response.status in {302, 303}:
                    self.tool_headers = {}
                    raise NoAnswer(response.status, await response.read())
                return await response.read()

        return await self.servers.call("proxy", self.chance, attempt)

    async def _tool_headers(self, server: Server) -> dict[str, str]:
        """What a program sends to the tool's origin; of the first use of the session, until a proxy refuses it."""
        if not self.tool_headers:
            try:
                self.tool_headers = await exchange_code(self.servers.sessions, f"127.0.0.1:{server.port}", await self._address())
            except ApiError as error:
                raise NoAnswer(str(error)) from error
        return self.tool_headers

    async def _shell_headers(self, server: Server) -> dict[str, str]:
        """What a browser's tab sends to the shell's origin."""
        url = urlsplit(await self._address())
        headers = {"Host": url.netloc, "Origin": f"http://{url.netloc}", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "none"}
        address = f"http://127.0.0.1:{server.port}{url.path}?{url.query}"
        async with self.servers.sessions.get(address, headers=headers, allow_redirects=False) as response:
            if not response.cookies:
                raise NoAnswer(response.status)
            cookie = "; ".join(f"{name}={cookie.value}" for name, cookie in response.cookies.items())
        return {"Host": url.netloc, "Origin": headers["Origin"], "Cookie": cookie}

    async def _address(self) -> str:
        """An address with a code, which works once."""
        answer = await self.servers.graphql(self.chance, CONNECT, {"input": {"studioId": self.studio_id}})
        return str(answer["connectStudio"]["url"])

    @asynccontextmanager
    async def tab(self) -> AsyncIterator[None]:
        """A tab that is open during the block, through one proxy at a time."""
        await self.ask("GET", "/")
        task = asyncio.create_task(self._stay_connected())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _stay_connected(self) -> None:
        chance = random.Random(self.chance.random())
        while True:
            server = chance.choice(self.servers.pairs["proxy"])
            with suppress(aiohttp.ClientError, NoAnswer, TimeoutError):
                headers, url = await self._shell_headers(server), f"ws://127.0.0.1:{server.port}/_sg/live"
                async with self.servers.sessions.ws_connect(url, headers=headers) as socket:
                    async for _ in socket:
                        pass
            await asyncio.sleep(0.2)


def _contents(directory: Path) -> dict[str, str]:
    return {str(path.relative_to(directory)): path.read_text() for path in directory.rglob("*") if path.is_file()}


async def create_studio(servers: ServerPairs, name: str, chance: random.Random) -> ModelledStudio:
    world = servers.world
    request: dict[str, Any] = {
        "workspaceId": global_id("Workspace", world.workspace_id),
        "templateId": global_id("Template", world.template_id),
        "name": name,
        "autoStart": False,
        "idempotencyKey": name,
    }
    studio = (await servers.graphql(chance, CREATE, {"input": request}))["createStudio"]["studio"]
    return ModelledStudio(servers, chance, studio["id"], studio["publicId"])
