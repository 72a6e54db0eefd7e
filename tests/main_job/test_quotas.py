"""What a running session holds counts until it is really gone, on every kind of compute environment (B5, B18)."""

from typing import Any

import pytest

from tests.graphql_ids import global_id
from tests.server import Server
from tests.waiting import eventually

CREATE = "mutation($input: CreateStudioInput!) { createStudio(input: $input) { ... on StudioPayload { studio { id } } } }"
STOP = "mutation($id: ID!) { stopStudio(input: { studioId: $id }) { __typename } }"
STATUS = "query($id: ID!) { studio(id: $id) { status } }"
LIMIT = """mutation($id: ID!) { updateWorkspaceSettings(input: { workspaceId: $id, maxSessions: 1, maxCpu: 3 }) {
  ... on WorkspacePayload { workspace { settings { maxSessions } } } ... on Error { message } } }"""
USE = """query($id: ID!) { workspace(by: { id: $id }) {
  quotas { resource limit used } computeEnvironments { enabled inUse { sessions cpu } } } }"""
START = """mutation($id: ID!, $cpu: Float) { startStudio(input: { studioId: $id, overrides: { cpu: $cpu } }) {
  __typename ... on QuotaExceededError { resource used limit requested usedBy { name } } } }"""


async def add(server: Server, name: str) -> str:
    world = server.world
    ids = {"workspaceId": global_id("Workspace", world.workspace_id), "templateId": global_id("Template", world.template_id)}
    answer = await server.graphql(CREATE, {"input": {**ids, "name": name, "autoStart": False}})
    return str(answer["createStudio"]["studio"]["id"])


async def use(server: Server) -> tuple[list[tuple[str, float, float]], list[dict[str, Any]]]:
    """The workspace's quotas, and what its enabled compute environments have in use."""
    workspace = (await server.graphql(USE, {"id": global_id("Workspace", server.world.workspace_id)}))["workspace"]
    quotas = [(quota["resource"], quota["limit"], quota["used"]) for quota in workspace["quotas"]]
    return quotas, [environment["inUse"] for environment in workspace["computeEnvironments"] if environment["enabled"]]


async def start(server: Server, studio_id: str, cpu: float | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = (await server.graphql(START, {"id": studio_id, "cpu": cpu}))["startStudio"]
    return answer


@pytest.mark.behaviour("B5")
@pytest.mark.behaviour("B18")
async def test_a_session_makes_room_once_it_has_stopped(server: Server) -> None:
    first, second = await add(server, "First"), await add(server, "Second")
    await server.graphql(LIMIT, {"id": global_id("Workspace", server.world.workspace_id)})
    assert await start(server, first, 0) == {"__typename": "StudioPayload"}
    await eventually(lambda: is_in(server, first, "RUNNING"))
    held = ([("SESSIONS", 1, 1), ("CPU", 3, 2)], [{"sessions": 1, "cpu": 2}])
    assert await use(server) == held
    refusal = {"__typename": "QuotaExceededError", "resource": "SESSIONS", "used": 1, "limit": 1, "requested": 1}
    assert await start(server, second) == refusal | {"usedBy": [{"name": "First"}]}
    await server.restart()
    assert await use(server) == held
    await server.graphql(STOP, {"id": first})
    await eventually(lambda: is_in(server, first, "STOPPED"))
    assert await use(server) == ([("SESSIONS", 1, 0), ("CPU", 3, 0)], [{"sessions": 0, "cpu": 0}])
    assert await start(server, second) == {"__typename": "StudioPayload"}
    await eventually(lambda: is_in(server, second, "RUNNING"))


async def is_in(server: Server, studio_id: str, status: str) -> bool:
    return bool((await server.graphql(STATUS, {"id": studio_id}))["studio"]["status"] == status)
