"""A data plane over real sockets: uvicorn on a loopback port, one running Studio, and a tool on a unix socket."""

import asyncio
import json
import os
import re
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
from sqlalchemy import select, update
from websockets.asyncio.client import connect
from websockets.datastructures import Headers
from websockets.typing import Origin
from yarl import URL

from connect.app import ConnectApp, Dispatcher
from connect.authorization_cache import AuthorizationCache
from connect.port_limits import PortLimits
from services.commands import CommandRunner
from services.compute.protocol import Upstream
from services.connections.addresses import Addresses
from services.connections.connect_codes import ConnectCodes
from services.connections.presence import Presence, PresenceTiming
from services.domain.access import Role, Viewer
from services.domain.actor import Actor
from services.domain.events import Kind
from services.domain.lifecycle import Trigger
from services.domain.statuses import OperationKind, StudioStatus
from services.identity.members import Members
from services.identity.tokens import Tokens
from services.live.broker import Broker
from services.store import operations, outbox, studios
from services.store.db.database import Database
from services.store.db.types import json_value
from services.store.db.wakeups import Wakeups
from services.store.tables import core
from services.studios import progress, transitions
from services.studios.progress import Step
from tests import factories
from tests.connect.sockets import client, nothing_but_api, serving
from tests.factories import World
from tests.waiting import eventually, soon

TINY = Path(__file__).parents[1] / "tools" / "tiny.py"
T = TypeVar("T")


@dataclass(slots=True)
class Answer:
    """An HTTP answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    cookies: Sequence[str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def code(self) -> str | None:
        return self.headers.get("Studiograph-Code")


@dataclass(slots=True)
class ConnectHarness:
    """Everything running, and the ways of a browser into it."""

    database: Database
    world: World
    addresses: Addresses
    broker: Broker
    presence: Presence
    codes: ConnectCodes
    tokens: Tokens
    members: Members
    http: aiohttp.ClientSession
    port: int
    upstream: Upstream | None = None
    studio_id: str = ""
    public_id: str = ""
    connect: ConnectApp = field(default=None)  # type: ignore[assignment]

    @property
    def api(self) -> str:
        return self.addresses.api_origin

    @property
    def origin(self) -> str:
        """The tool's."""
        return self.addresses.tool_origin(self.public_id)

    @property
    def shell(self) -> str:
        """The origin of the page around the tool."""
        return self.addresses.shell_origin(self.public_id)

    async def ask(self, url: str, method: str = "GET", *, cookie: str | None = None, data: Any = None, **headers: str) -> Answer:
        """One request, no redirect followed. `Sec_Fetch_Dest="document"` becomes that header."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if cookie:
            sent["Cookie"] = cookie
        target = _encoded(url if url.startswith("http") else f"{self.origin}{url}")
        async with self.http.request(method, target, headers=sent, data=data, allow_redirects=False) as answer:
            body = await answer.read()
            return Answer(answer.status, answer.headers, answer.headers.getall("Set-Cookie", []), body)

    async def visit(self, url: str, cookie: str | None = None) -> Answer:
        """As a browser's tab asks for a page."""
        return await self.ask(url, cookie=cookie, Accept="text/html", Sec_Fetch_Dest="document", Sec_Fetch_Mode="navigate")

    async def sign_in(self, secret: str) -> str:
        """Type a token into the login page; the login's cookie."""
        answer = await self.ask(f"{self.api}/login", "POST", data={"token": secret, "studio": "", "to": ""}, Origin=self.api)
        assert answer.status == 303, answer.text
        return answer.cookies[0].partition(";")[0]

    async def enter(self, viewer: Viewer | None = None, path: str = "/") -> str:
        """Be let in by a one-time code as a program; the tool's cookie."""
        url, _ = await self.codes.issue(viewer or self.world.viewer, self.studio_id, path)
        answer = await self.ask(location(await self.ask(url)))
        assert answer.status == 303, answer.text
        return answer.cookies[0].partition(";")[0]

    async def open_shell(self, viewer: Viewer | None = None, path: str = "/") -> str:
        """Be let in by a one-time code as a browser; the shell's cookie."""
        url, _ = await self.codes.issue(viewer or self.world.viewer, self.studio_id, path)
        answer = await self.visit(url)
        assert answer.status == 303, answer.text
        return answer.cookies[0].partition(";")[0]

    async def tool_code(self, shell_cookie: str) -> str:
        """A one-time code for the tool's cookie, as the shell's script asks for it."""
        answer = await self.ask(f"{self.shell}/_sg/grant", "POST", cookie=shell_cookie, Origin=self.shell)
        assert answer.status == 200, answer.text
        return str(json.loads(answer.body)["code"])

    async def grant(self, code: str = "", cookie: str | None = None, origin: str | None = None, query: str = "") -> Answer:
        """Ask the tool's origin for its cookie, as the shell's script does; as a script of `origin` if it is given."""
        headers = {"Origin": origin or self.shell, "Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "cors", "Sec_Fetch_Dest": "empty"}
        return await self.ask(f"/_sg/grant{query}", "POST", cookie=cookie, data=code, **headers)

    def socket(self, path: str, cookie: str | None = None, origin: str | None = "own", at: str | None = None, **options: Any) -> Any:
        """Open a WebSocket on the tool's origin, or on the origin `at`; use as a context manager."""
        headers = {"Cookie": cookie} if cookie else {}
        if origin is not None:
            headers["Origin"] = at or self.origin if origin == "own" else origin
        options.setdefault("max_msg_size", 0)
        return self.http.ws_connect(_encoded(f"{at or self.origin}{path}"), headers=headers, **options)

    def live(self, cookie: str | None = None, origin: str | None = "own") -> Any:
        """Open the WebSocket of a tab of the shell; use as a context manager."""
        return self.socket("/_sg/live", cookie, origin, at=self.shell)

    async def run_session(self, upstream: Upstream | None) -> None:
        """Run the next session of the Studio, with its tool at `upstream`."""
        await self.begin_session(upstream)
        await self.session_is_ready()

    async def begin_session(self, upstream: Upstream | None) -> None:
        """The Studio is STARTING; what follows it may see that, or only that it runs when `session_is_ready` comes at once."""
        async with self.database.write() as transaction:
            await outbox.lock_stream(transaction, self.world.workspace_id)
            state = await studios.find(transaction, self.studio_id)
            assert state is not None
            number = state.session_number + 1
            await transitions.move(transaction, state, Trigger.START, self.world.viewer.actor, None, session_number=number)
        self.upstream = upstream
        row = upstream.to_json() if upstream else None
        await factories.create_session(self.database, self.world, self.studio_id, number=number, upstream=row)

    async def show_step(self, step: Step, message: str) -> None:
        """Write, as the controller does, that a start of the Studio is at `step`."""
        async with self.database.write() as transaction:
            await outbox.lock_stream(transaction, self.world.workspace_id)
            state = await studios.find(transaction, self.studio_id)
            assert state is not None
            operation_id = await transitions.begin_operation(transaction, state, OperationKind.START, self.world.viewer.actor, None)
            steps = progress.advanced(progress.pending(OperationKind.START), step, message, transaction.now)
            await operations.change(transaction, operation_id, steps=steps)
            await outbox.append(transaction, self.world.workspace_id, [transitions.operation_event(state, operation_id)])

    async def session_is_ready(self) -> None:
        async with self.database.write() as transaction:
            await outbox.lock_stream(transaction, self.world.workspace_id)
            state = await studios.find(transaction, self.studio_id)
            assert state is not None
            await transitions.move(transaction, state, Trigger.READY, Actor.system("test"), None)

    async def stop(self, message: str = "Stopped by ada.", trigger: Trigger = Trigger.STOP) -> None:
        """Stop the session as the service does: status and connection error in one transaction."""
        async with self.database.write() as transaction:
            await outbox.lock_stream(transaction, self.world.workspace_id)
            state = await studios.find(transaction, self.studio_id)
            assert state is not None
            moved = await transitions.move(transaction, state, trigger, self.world.viewer.actor, message)
            await transitions.move(transaction, moved, Trigger.SAVED, Actor.system("test"), message)

    async def newcomer(self, role: Role = Role.CONNECT, name: str | None = None) -> tuple[Viewer, str]:
        """Another member, and the secret of a token of theirs."""
        return await factories.create_viewer(self.database, self.world.workspace_id, role, name)

    async def events(self, kind: Kind) -> list[dict[str, Any]]:
        """The payloads of all events of a kind, in order."""
        event = core.event.c
        async with self.database.read() as reader:
            rows = await reader.execute(select(event.payload).where(event.kind == kind.value).order_by(event.seq))
            return [json_value(row[0]) for row in rows]

    async def change_studio(self, **values: Any) -> None:
        async with self.database.write() as transaction:
            await transaction.execute(update(core.studio).where(core.studio.c.id == self.studio_id).values(**values))


async def open_silently(harness: ConnectHarness, url: str, cookie: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A WebSocket whose client does nothing by itself: it answers no ping and reads only what the test reads."""
    reader, writer = await asyncio.open_connection("127.0.0.1", harness.port)
    target = urlsplit(url)
    lines = [
        f"GET {target.path} HTTP/1.1",
        f"Host: {target.netloc}",
        f"Origin: {target.scheme}://{target.netloc}",
        f"Cookie: {cookie}",
    ]
    lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
    await soon(reader.readuntil(b"\r\n\r\n"))
    return reader, writer


async def handshake_headers(harness: ConnectHarness, path: str, cookie: str | None = None) -> Headers:
    """The headers of the answer that opens a WebSocket, as a program sees them."""
    url = f"{harness.origin.replace('http', 'ws', 1)}{path}"
    headers = {"Cookie": cookie} if cookie else {}
    opening = connect(url, origin=Origin(harness.origin), additional_headers=headers, host="127.0.0.1", port=harness.port, proxy=None)
    async with opening as socket:
        assert socket.response
        return socket.response.headers


def _encoded(url: str) -> URL:
    return URL(url, encoded=True)


@asynccontextmanager
async def harness(
    database: Database,
    upstream: Upstream,
    *,
    timing: PresenceTiming | None = None,
    max_age: float = 30.0,
    ping: float = 10.0,
    limits: PortLimits | None = None,
) -> AsyncIterator[ConnectHarness]:
    """Serve `database`; its Studio runs with the tool at `upstream`."""
    async with AsyncExitStack() as stack:
        world = await factories.create_world(database)
        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        addresses = Addresses(f"http://localhost:{port}", f"localhost:{port}")
        wakeups = Wakeups(database)
        await wakeups.start()
        stack.push_async_callback(wakeups.close)
        broker = Broker(database, wakeups)
        await broker.start()
        stack.push_async_callback(broker.close)
        presence = Presence(database, timing)
        await presence.start()
        stack.push_async_callback(presence.close)
        runner = CommandRunner(database, b"key")
        tokens = Tokens(database, runner)
        stack.push_async_callback(tokens.close)
        codes = ConnectCodes(database, addresses)
        http = await stack.enter_async_context(client())
        it = ConnectHarness(
            database, world, addresses, broker, presence, codes, tokens, Members(database, runner, one_user=False), http, port
        )
        it.connect = ConnectApp(
            database=database,
            broker=broker,
            presence=presence,
            addresses=addresses,
            codes=codes,
            authenticate=tokens.authenticate,
            installation_id=world.installation_id,
            keys=["a key of this test"],
            authorization_cache=AuthorizationCache(database, broker, max_age=max_age),
        )
        await it.connect.start()
        stack.push_async_callback(it.connect.close)
        await stack.enter_async_context(serving(Dispatcher(it.connect, nothing_but_api), listening, ping, limits))
        it.studio_id = await factories.create_studio(database, world, "Penguins")
        async with database.read() as reader:
            state = await studios.find(reader, it.studio_id)
        assert state is not None
        it.public_id = state.public_id
        await it.run_session(upstream)
        assert state.status is StudioStatus.STOPPED
        yield it


@asynccontextmanager
async def tiny(directory: Path, **knobs: str) -> AsyncIterator[Upstream]:
    """The test tool as a process of its own, on a unix socket in `directory`."""
    path = directory / "tool.sock"
    environment = {**os.environ, "CONNECT_TOOL_SOCKET": str(path), **knobs}
    process = await asyncio.create_subprocess_exec(sys.executable, str(TINY), env=environment, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        while b"listens" not in await soon(process.stdout.readline()):
            pass
        yield Upstream(unix=str(path))
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def location(answer: Answer) -> str:
    """Where a redirect leads."""
    assert answer.status in {302, 303, 307}, answer.text
    return answer.headers["Location"]


def name_of(cookie: str) -> str:
    return re.split("=", cookie, maxsplit=1)[0]


async def exchanges(harness: ConnectHarness, number: int) -> bool:
    """Whether so many exchanges with the tool are under way."""
    return harness.connect.upstreams.exchanges == number


async def end_tool(harness: ConnectHarness, cookie: str) -> None:
    """Let the tool exit, and wait until nobody listens at its address."""
    await harness.ask("/exit?code=1", cookie=cookie)

    async def is_gone() -> bool:
        assert harness.upstream
        try:
            _, writer = await asyncio.open_unix_connection(harness.upstream.unix)
        except OSError:
            return True
        writer.close()
        return False

    await eventually(is_gone)


async def settled(count: Callable[[], int], quiet: float = 0.3) -> int:
    """A count that has begun, once it has not changed for `quiet` seconds."""
    last = 0

    async def is_quiet() -> int:
        nonlocal last
        before, last = last, count()
        await asyncio.sleep(quiet)
        return last if before == last == count() else 0

    return await eventually(is_quiet) or 0
