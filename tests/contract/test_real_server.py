"""The whole composition keeps the protocols: the same rules, a few of each kind, against the server that people run."""

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from graphql import get_introspection_query
from websockets.exceptions import InvalidStatus

from tests.clients import node
from tests.contract.test_node_clients import NEWER_THAN_THE_AUDIT
from tests.contract.ws import dial
from tests.server import Server

STATUS = "subscription($id: ID!){studioStatusChanged(scope:{workspaceId:$id}){__typename}}"


def workspace(server: Server) -> dict[str, str]:
    return {"id": base64.b64encode(f"Workspace:{server.world.workspace_id}".encode()).decode()}


@pytest.mark.node
async def test_the_graphql_http_audit_holds_for_the_whole_server(server: Server) -> None:
    async with node.run("audit.mjs", f"{server.url}/graphql", server.world.secret) as program:
        results = await program.rest()
    assert [result for result in results if result["status"] == "error"] == []
    assert {result["id"] for result in results if result["status"] == "warn"} == set(NEWER_THAN_THE_AUDIT)


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


async def test_a_page_of_its_own_origin_may_open_a_socket_and_a_stranger_s_may_not(server: Server) -> None:
    async with dial(f"ws://localhost:{server.port}/graphql", origin=f"http://localhost:{server.port}") as socket:
        await socket.init(server.world.secret)
    with pytest.raises(InvalidStatus):
        async with dial(f"ws://localhost:{server.port}/graphql", origin=f"http://axyz.localhost:{server.port}"):
            pass


async def test_sigterm_closes_sockets_with_1012_and_ends_cleanly(server: Server) -> None:
    async with dial(f"ws://127.0.0.1:{server.port}/graphql") as socket:
        await socket.init(server.world.secret)
        await socket.subscribe(STATUS, variables=workspace(server))
        assert (await socket.receive())["type"] == "next"
        stopping = asyncio.create_task(server.stop())
        assert (await socket.closed())[0] == 1012
        assert await stopping == 0


async def test_abrupt_disconnects_and_hostile_frames_leave_no_traceback_in_its_log(server: Server) -> None:
    for raw in (None, "NONSENSE", "[]", json.dumps({"type": "subscribe", "id": 7})):
        async with dial(f"ws://127.0.0.1:{server.port}/graphql") as socket:
            await socket.init(server.world.secret)
            await socket.subscribe(STATUS, variables=workspace(server))
            await socket.receive()
            if raw is None:
                socket.connection.transport.abort()
            else:
                await socket.connection.send(raw)
                assert (await socket.closed())[0] == 4400
    await server.stop()
    assert "Traceback" not in server.log


CREATE = """mutation($expiresAt: DateTime){createToken(input:{name:"short", scopes:[READ], expiresAt:$expiresAt}){
  ... on CreateTokenPayload{secret token{id}} ... on Error{code message}}}"""
REVOKE = "mutation($id: ID!){revokeToken(input:{tokenId:$id}){__typename}}"


@pytest.mark.behaviour("B94")
async def test_revoking_a_token_closes_its_sockets_with_4403_within_two_seconds(server: Server) -> None:
    token = (await server.graphql(CREATE))["createToken"]
    async with dial(f"ws://127.0.0.1:{server.port}/graphql") as socket:
        await socket.init(token["secret"])
        await socket.subscribe(STATUS, variables=workspace(server))
        assert (await socket.receive())["type"] == "next"
        assert (await server.graphql(REVOKE, {"id": token["token"]["id"]}))["revokeToken"] == {"__typename": "RevokeTokenPayload"}
        async with asyncio.timeout(2):
            assert (await socket.closed())[0] == 4403
    assert (await server.post("{viewer{id}}", token=token["secret"])).status_code == 401


@pytest.mark.behaviour("B94")
async def test_a_token_that_expires_closes_its_sockets_with_4403_within_two_seconds(server: Server) -> None:
    expires = datetime.now(UTC) + timedelta(seconds=3)
    token = (await server.graphql(CREATE, {"expiresAt": expires.isoformat()}))["createToken"]
    async with dial(f"ws://127.0.0.1:{server.port}/graphql") as socket:
        await socket.init(token["secret"])
        assert (await socket.closed())[0] == 4403
    assert timedelta(0) <= datetime.now(UTC) - expires < timedelta(seconds=2)
