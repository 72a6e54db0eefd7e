"""The whole composition keeps the protocols: the same rules, a few of each kind, against the server that people run."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from graphql import get_introspection_query
from websockets.exceptions import InvalidStatus

from schema.ids import encode
from tests.clients import node
from tests.clients.audit import EXPECTED_WARNINGS
from tests.contract.stream_end_frames import LAST_FRAMES
from tests.contract.watching import STREAMING, Watch
from tests.contract.ws import dial
from tests.server import Server
from tests.waiting import WAIT_LIMIT_S, promised

STATUS = """subscription($id: ID!, $after: Cursor){studioStatusChanged(scope:{workspaceId:$id}, after:$after){
  __typename ... on StudioStatusSnapshot{cursor} ... on StudioStatusEvent{cursor studioName} ... on Heartbeat{cursor}}}"""


def workspace(server: Server) -> dict[str, str]:
    return {"id": encode("Workspace", server.world.workspace_id)}


def watching(server: Server, transport: str, token: str | None = None, **variables: str) -> AbstractAsyncContextManager[Watch]:
    """The statuses of the workspace."""
    return STREAMING[transport](server.port, token or server.world.secret, {"query": STATUS, "variables": workspace(server) | variables})


@asynccontextmanager
async def on_each_transport(server: Server, token: str | None = None) -> AsyncIterator[dict[str, Watch]]:
    """Watches of all transports, their snapshots taken."""
    async with AsyncExitStack() as stack:
        watches = {transport: await stack.enter_async_context(watching(server, transport, token)) for transport in STREAMING}
        for watched in watches.values():
            assert (await watched.payload())["data"]["studioStatusChanged"]["__typename"] == "StudioStatusSnapshot"
        yield watches


@pytest.mark.node
async def test_the_graphql_http_audit_holds_for_the_whole_server(server: Server) -> None:
    async with node.run("audit.mjs", f"{server.url}/graphql", server.world.secret) as program:
        results = await program.rest()
    assert [result for result in results if result["status"] == "error"] == []
    assert {result["id"] for result in results if result["status"] == "warn"} == set(EXPECTED_WARNINGS)


async def test_tools_can_read_its_schema_with_a_token_only(server: Server) -> None:
    query = get_introspection_query(input_value_deprecation=True)
    assert (await server.graphql(query))["__schema"]["queryType"]["name"] == "Query"
    refused = await server.post(query, token="")
    assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")


async def test_the_limits_of_graphql_hold_beside_those_of_the_proxy(server: Server) -> None:
    """The listener takes frames of 64 MiB for sessions' tools; GraphQL takes 64 KiB."""
    async with dial(f"ws://127.0.0.1:{server.port}/graphql") as socket:
        await socket.init(server.world.secret)
        await socket.connection.send("x" * 100_000)
        assert (await socket.closed())[0] == 1009
    response = await server.post("{viewer{id}}" + " " * 110_000)
    assert response.status_code == 413


@pytest.mark.parametrize(
    "begun",
    [
        b"\x81\xff" + (60 << 20).to_bytes(8) + bytes(4) + b"x" * 200_000,
        b"\x01\x80" + bytes(4) + (b"\x00\xfe\x03\xe8" + bytes(4) + b"x" * 1000) * 200,
        b"\x01\x80" + bytes(4) + (b"\x00\x80" + bytes(4)) * 200_000,
    ],
    ids=["a long frame", "many frames", "many empty frames"],
)
async def test_what_a_stranger_sends_is_not_held_until_it_is_whole(server: Server, begun: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        upgrade = (
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        )
        subprotocol = "Sec-WebSocket-Protocol: graphql-transport-ws\r\n"
        writer.write(f"GET /graphql HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n{upgrade}{subprotocol}\r\n".encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        writer.write(begun)
        async with asyncio.timeout(WAIT_LIMIT_S):
            await reader.readuntil(b"\x88\x02" + (1009).to_bytes(2))
    finally:
        writer.close()


async def test_a_page_of_its_own_origin_may_open_a_socket_and_a_stranger_s_may_not(server: Server) -> None:
    async with dial(f"ws://localhost:{server.port}/graphql", origin=f"http://localhost:{server.port}") as socket:
        await socket.init(server.world.secret)
    with pytest.raises(InvalidStatus):
        async with dial(f"ws://localhost:{server.port}/graphql", origin=f"http://axyz.localhost:{server.port}"):
            pass


async def test_sigterm_ends_streams_so_that_clients_come_back_and_ends_cleanly(server: Server) -> None:
    async with on_each_transport(server) as watches:
        async with asyncio.TaskGroup() as group:
            stopping = group.create_task(server.stop())
            for transport, watched in watches.items():
                assert await watched.receive() == LAST_FRAMES["restart"][transport]
        assert stopping.result() == 0
    assert server.log == ""


async def test_abrupt_disconnects_and_hostile_frames_leave_no_traceback_in_its_log(server: Server) -> None:
    for transport in STREAMING:
        async with watching(server, transport) as watched:
            await watched.payload()
            watched.vanish()
    for raw in ("NONSENSE", "[]", json.dumps({"type": "subscribe", "id": 7})):
        async with dial(f"ws://127.0.0.1:{server.port}/graphql") as socket:
            await socket.init(server.world.secret)
            await socket.connection.send(raw)
            assert (await socket.closed())[0] == 4400
    await server.stop()
    assert "Traceback" not in server.log


CREATE_TOKEN = """mutation($expiresAt: DateTime){createToken(input:{name:"short", scopes:[READ], expiresAt:$expiresAt}){
  ... on CreateTokenPayload{secret token{id}} ... on Error{code message}}}"""
CREATE = "mutation($input: CreateStudioInput!){createStudio(input:$input){... on StudioPayload{studio{id}}}}"
REVOKE = "mutation($id: ID!){revokeToken(input:{tokenId:$id}){__typename}}"


@pytest.mark.behaviour("B94")
async def test_revoking_a_token_ends_its_streams_within_two_seconds(server: Server) -> None:
    token = (await server.graphql(CREATE_TOKEN))["createToken"]
    async with on_each_transport(server, token["secret"]) as watches:
        assert (await server.graphql(REVOKE, {"id": token["token"]["id"]}))["revokeToken"] == {"__typename": "RevokeTokenPayload"}
        async with asyncio.timeout(promised(2)):
            for transport, watched in watches.items():
                assert await watched.receive() == LAST_FRAMES["token"][transport]
    assert (await server.post("{viewer{id}}", token=token["secret"])).status_code == 401


@pytest.mark.behaviour("B94")
async def test_a_token_that_expires_ends_its_streams_within_two_seconds(server: Server) -> None:
    expires = datetime.now(UTC) + timedelta(seconds=3)
    token = (await server.graphql(CREATE_TOKEN, {"expiresAt": expires.isoformat()}))["createToken"]
    async with on_each_transport(server, token["secret"]) as watches:
        for transport, watched in watches.items():
            assert await watched.receive() == LAST_FRAMES["token"][transport]
    assert timedelta(0) <= datetime.now(UTC) - expires < timedelta(seconds=promised(2))


async def create(server: Server, name: str) -> None:
    """A Studio at rest: one event."""
    request = {"workspaceId": workspace(server)["id"], "templateId": encode("Template", server.world.template_id), "name": name}
    await server.graphql(CREATE, {"input": request | {"autoStart": False}})


@pytest.mark.behaviour("B83")
async def test_who_comes_back_with_the_last_cursor_misses_nothing(server: Server) -> None:
    await create(server, "seen before")
    cursors = {}
    async with on_each_transport(server) as watches:
        await create(server, "first")
        for transport, watched in watches.items():
            event = (await watched.payload())["data"]["studioStatusChanged"]
            assert event["studioName"] == "first"
            cursors[transport] = event["cursor"]
            watched.vanish()
    for name in ("while away", "again"):
        await create(server, name)
    await server.restart()
    for transport, cursor in cursors.items():
        async with watching(server, transport, after=cursor) as watched:
            names = [(await watched.payload())["data"]["studioStatusChanged"]["studioName"] for _ in range(2)]
            await create(server, f"live by {transport}")
            while names[-1] != f"live by {transport}":
                names.append((await watched.payload())["data"]["studioStatusChanged"]["studioName"])
        assert names[:2] == ["while away", "again"]
        assert len(names) == 3 + list(cursors).index(transport)


@pytest.mark.node
@pytest.mark.behaviour("B83")
@pytest.mark.parametrize(("program", "before"), [("sse.mjs", []), ("apollo.mjs", [""])])
async def test_clients_go_on_by_themselves_through_a_restart(server: Server, program: str, before: list[str]) -> None:
    token, variables = server.world.secret, json.dumps(workspace(server))
    names: list[str] = []
    async with node.run(program, f"{server.url}/graphql", token, token, *before, STATUS, variables) as client:

        async def until(name: str) -> None:
            while not names or names[-1] != name:
                _, payload = (await client.until("next"))[-1]
                frame = payload.get("data", payload)["studioStatusChanged"]
                if frame["__typename"] == "StudioStatusEvent":
                    names.append(frame["studioName"])

        await client.until("next")
        await create(server, "before")
        await until("before")
        await server.restart()
        for name in ("after", "last"):
            await create(server, name)
        await until("last")
    assert names == ["before", "after", "last"]


async def test_it_tells_which_transports_it_speaks(server: Server) -> None:
    spoken = (await server.graphql("{serverInfo{transports}}"))["serverInfo"]["transports"]
    assert spoken == ["graphql-over-http", "graphql-transport-ws", "graphql-sse", "multipart/mixed;subscriptionSpec=1.0"]
