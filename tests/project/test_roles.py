"""Three processes on PostgreSQL do what one does on SQLite (docs/architecture.md#running-it)."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.graphql_ids import global_id
from tests.server import Server, end_sessions, seed, wait_for

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

CREATE = """mutation ($input: CreateStudioInput!) { createStudio(input: $input) { __typename
  ... on StudioPayload { studio { id publicId } } ... on Error { message } } }"""
CONNECT = """mutation ($input: StudioActionInput!) { connectStudio(input: $input) { __typename
  ... on ConnectStudioPayload { url } ... on Error { message } } }"""
STATUS = "query ($id: ID!) { studio(id: $id) { status statusMessage } }"


@asynccontextmanager
async def three_roles(directory: Path, database_url: str) -> AsyncIterator[tuple[Server, Server, Server]]:
    """api, controller, proxy; the proxy first, since the others must know its port."""
    world = await seed(database_url)
    (directory / "proxy").mkdir()
    (directory / "controller").mkdir()
    shared = {"data_dir": str(directory / "shared"), "secret_key": "3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}
    async with AsyncExitStack() as stack:
        proxy = Server(directory / "proxy", database_url, world, dict(shared), role="proxy")
        stack.push_async_callback(_end, proxy)
        await proxy.start()
        shared["connect_domain"] = f"localhost:{proxy.port}"
        api = Server(directory, database_url, world, shared, role="api")
        controller = Server(directory / "controller", database_url, world, shared, role="controller")
        for server in (api, controller):
            stack.push_async_callback(_end, server)
            await server.start()
        yield api, controller, proxy
    end_sessions(directory)


async def _end(server: Server) -> None:
    await server.stop()
    await server.http.aclose()


async def test_api_controller_and_proxy_work_together(tmp_path: Path, postgresql_url: str) -> None:
    async with three_roles(tmp_path, postgresql_url) as (api, _, proxy):
        given = {"workspaceId": global_id("Workspace", api.world.workspace_id), "templateId": global_id("Template", api.world.template_id)}
        created = (await api.graphql(CREATE, {"input": {**given, "name": "Shared"}}))["createStudio"]["studio"]

        async def runs() -> bool:
            return bool((await api.graphql(STATUS, {"id": created["id"]}))["studio"]["status"] == "RUNNING")

        await wait_for(runs)
        url = (await api.graphql(CONNECT, {"input": {"studioId": created["id"]}}))["connectStudio"]["url"]
        host = f"a{created['publicId']}.localhost:{proxy.port}"
        entered = await proxy.http.get(url.replace(host, f"127.0.0.1:{proxy.port}"), headers={"Host": host}, follow_redirects=False)
        cookie = entered.headers["set-cookie"].partition(";")[0]
        answer = await proxy.http.get(f"{proxy.url}/headers", headers={"Host": host, "Cookie": cookie})
        assert answer.status_code == 200
        assert answer.json()["target"] == "/headers"
        assert (await proxy.post("{ viewer { userName } }")).status_code == 404


async def test_the_api_can_restart_while_a_session_is_in_use(tmp_path: Path, postgresql_url: str) -> None:
    async with three_roles(tmp_path, postgresql_url) as (api, _, proxy):
        await api.restart()
        assert (await proxy.http.get(f"{proxy.url}/livez")).text == "ok"
