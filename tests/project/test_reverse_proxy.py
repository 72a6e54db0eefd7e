"""docs/nginx.conf passes the API, its streams and the sessions' origins through an nginx with TLS."""

import asyncio
import contextlib
import ssl
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import orjson
import pytest
from websockets.asyncio.client import connect

from tests.graphql_ids import global_id
from tests.project.conftest import ROOT
from tests.server import Server, running
from tests.waiting import WAIT_LIMIT_S, eventually

API, SESSION = "studiograph.example.org", "aabcdefghjkmn.studios.example.net"
ERRORS = "subscription ($id: ID!) {connectionErrors(scope: {workspaceId: $id}) {__typename}}"
UPLOAD_BYTES = 3 << 20  # more than nginx takes unless it is told otherwise

pytestmark = pytest.mark.nginx


@dataclass(frozen=True, slots=True)
class ProxiedServer:
    """The server behind nginx, which listens on a unix socket."""

    server: Server
    socket: str
    tls: ssl.SSLContext

    def client(self, host: str) -> httpx.AsyncClient:
        transport = httpx.AsyncHTTPTransport(uds=self.socket, verify=self.tls)
        headers = {"Authorization": f"Bearer {self.server.world.secret}"}
        return httpx.AsyncClient(transport=transport, base_url=f"https://{host}", headers=headers, timeout=WAIT_LIMIT_S)


@pytest.fixture
async def proxied(tmp_path: Path, sqlite_url: str) -> AsyncIterator[ProxiedServer]:
    with tempfile.TemporaryDirectory(prefix="sg-nginx-") as name:
        directory = Path(name)
        make_certificate(directory)
        async with running(tmp_path, sqlite_url, connect_domain="studios.example.net") as server, nginx(directory, server.port) as socket:
            yield ProxiedServer(server, socket, ssl.create_default_context(cafile=str(directory / "certificate.pem")))


def make_certificate(directory: Path) -> None:
    """Makes a key and a certificate of its own for both host names."""
    files = ["-keyout", str(directory / "key.pem"), "-out", str(directory / "certificate.pem")]
    names = f"subjectAltName=DNS:{API},DNS:*.studios.example.net"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={API}", "-addext", names, *files]
    subprocess.run(command, check=True, capture_output=True)


@asynccontextmanager
async def nginx(directory: Path, port: int) -> AsyncIterator[str]:
    """Runs nginx with the documented file, in which only the addresses and the certificate's place are others. Yields its socket."""
    socket = directory / "socket"
    example = (ROOT / "docs/nginx.conf").read_text()
    for documented, here in {
        "listen 443 ssl;": f"listen unix:{socket} ssl;",
        "server 127.0.0.1:8000;": f"server 127.0.0.1:{port};",
        "/etc/ssl/studiograph/": f"{directory}/",
    }.items():
        assert documented in example
        example = example.replace(documented, here)
    temporary = "".join(f"{kind}_temp_path {directory}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    main = f"daemon off; master_process off; pid {directory}/pid; error_log stderr; events {{}} http {{access_log off; {temporary}"
    (directory / "nginx.conf").write_text(f"{main}\n{example}}}\n")
    command = ["nginx", "-p", str(directory), "-e", "stderr", "-c", str(directory / "nginx.conf")]
    with (directory / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, stderr=log)
    try:
        await listening(socket, process)
        yield str(socket)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def listening(socket: Path, process: asyncio.subprocess.Process) -> None:
    """Returns once a connection to the socket is accepted."""

    async def is_accepted() -> bool:
        assert process.returncode is None, (socket.parent / "log").read_text()
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_unix_connection(socket)
            writer.close()
            await writer.wait_closed()
            return True
        return False

    await eventually(is_accepted)


async def test_queries_and_pages_pass(proxied: ProxiedServer) -> None:
    async with proxied.client(API) as client:
        answer = await client.post("/graphql", json={"query": "{viewer {userName}}"})
        assert answer.json() == {"data": {"viewer": {"userName": "ada"}}}
        assert (await client.get("/")).status_code == 200


async def test_a_stream_is_not_held_back(proxied: ProxiedServer) -> None:
    request = {"query": ERRORS, "variables": {"id": global_id("Workspace", proxied.server.world.workspace_id)}}
    async with (
        asyncio.timeout(WAIT_LIMIT_S),
        proxied.client(API) as client,
        client.stream("POST", "/graphql", json=request, headers={"Accept": "text/event-stream"}) as response,
    ):
        async for line in response.aiter_lines():
            if "Heartbeat" in line:
                return
    raise AssertionError("the stream ended without its first frame")


async def test_a_websocket_passes(proxied: ProxiedServer) -> None:
    subprotocols = ["graphql-transport-ws"]
    async with connect(
        f"wss://{API}/graphql",
        subprotocols=subprotocols,  # type: ignore[arg-type]
        proxy=None,
        unix=True,
        path=proxied.socket,
        ssl=proxied.tls,
    ) as connection:
        payload = {"Authorization": f"Bearer {proxied.server.world.secret}"}
        await connection.send(orjson.dumps({"type": "connection_init", "payload": payload}).decode())
        assert orjson.loads(await connection.recv())["type"] == "connection_ack"


async def test_a_sessions_origin_is_told_from_the_api_by_its_host(proxied: ProxiedServer) -> None:
    upload = b"0" * UPLOAD_BYTES
    async with proxied.client(SESSION) as client:
        through = [await client.get("/lab"), await client.post("/upload", content=upload)]
    headers = {"Host": SESSION}
    direct = [await proxied.server.http.get(f"{proxied.server.url}/lab", headers=headers)]
    # A short one: the server ends the connection of a stranger who goes on sending after the answer, which nginx does not pass on.
    direct.append(await proxied.server.http.post(f"{proxied.server.url}/upload", headers=headers, content=b"0"))
    assert [(answer.status_code, answer.text) for answer in through] == [(answer.status_code, answer.text) for answer in direct]
