"""Three processes on PostgreSQL do what one does on SQLite (docs/architecture.md#running-it)."""

from pathlib import Path

import pytest

from tests.graphql_ids import global_id
from tests.three_roles import three_roles
from tests.waiting import eventually

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

CREATE = """mutation ($input: CreateStudioInput!) { createStudio(input: $input) { __typename
  ... on StudioPayload { studio { id publicId } } ... on Error { message } } }"""
CONNECT = """mutation ($input: StudioActionInput!) { connectStudio(input: $input) { __typename
  ... on ConnectStudioPayload { url } ... on Error { message } } }"""
STATUS = "query ($id: ID!) { studio(id: $id) { status statusMessage } }"


async def test_api_controller_and_proxy_work_together(tmp_path: Path, postgresql_url: str) -> None:
    async with three_roles(tmp_path, postgresql_url) as (api, _, proxy):
        request = {
            "workspaceId": global_id("Workspace", api.world.workspace_id),
            "templateId": global_id("Template", api.world.template_id),
        }
        created = (await api.graphql(CREATE, {"input": {**request, "name": "Shared"}}))["createStudio"]["studio"]

        async def runs() -> bool:
            return bool((await api.graphql(STATUS, {"id": created["id"]}))["studio"]["status"] == "RUNNING")

        await eventually(runs)
        url = (await api.graphql(CONNECT, {"input": {"studioId": created["id"]}}))["connectStudio"]["url"]
        host = f"a{created['publicId']}.localhost:{proxy.port}"
        assert url.startswith(f"http://s.{host}/")
        dialled = url.replace(f"s.{host}", f"127.0.0.1:{proxy.port}")
        sent = await proxy.http.get(dialled, headers={"Host": f"s.{host}"}, follow_redirects=False)
        dialled = sent.headers["location"].replace(host, f"127.0.0.1:{proxy.port}")
        entered = await proxy.http.get(dialled, headers={"Host": host}, follow_redirects=False)
        cookie = entered.headers["set-cookie"].partition(";")[0]
        answer = await proxy.http.get(f"{proxy.url}/headers", headers={"Host": host, "Cookie": cookie})
        assert answer.status_code == 200
        assert answer.json()["target"] == "/headers"
        assert (await proxy.post("{ viewer { userName } }")).status_code == 404


async def test_the_api_can_restart_while_a_session_is_in_use(tmp_path: Path, postgresql_url: str) -> None:
    async with three_roles(tmp_path, postgresql_url) as (api, _, proxy):
        await api.restart()
        assert (await proxy.http.get(f"{proxy.url}/livez")).text == "ok"
