"""Each change of a person's number of tabs is seen by subscribers, without any other event (B52)."""

import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Origin

from tests.graphql_ids import global_id
from tests.server import Server
from tests.three_roles import three_roles
from tests.waiting import eventually, promised, soon

CREATE = "mutation($input: CreateStudioInput!) { createStudio(input: $input) { ... on StudioPayload { studio { id } } } }"
STATUS = "query($id: ID!) { studio(id: $id) { status } }"
CONNECT = "mutation($id: ID!) { connectStudio(input: { studioId: $id }) { ... on ConnectStudioPayload { url } } }"
USERS = """subscription($id: ID!) { connectedUsers(studioId: $id) {
  ... on ConnectedUsersSnapshot { connectedUsers { user { userName } tabs } } } }"""
STUDIOS = """subscription($id: ID!) { studios(workspaceId: $id) {
  ... on StudioChanged { studio { connectedUsers { tabs } } } } }"""
EVENTS = "query($id: ID!) { studio(id: $id) { events(first: 50) { nodes { __typename } } } }"
OPENED_SECONDS, CLOSED_SECONDS = 1, 2


async def run_studio(server: Server) -> str:
    request = {
        "workspaceId": global_id("Workspace", server.world.workspace_id),
        "templateId": global_id("Template", server.world.template_id),
        "name": "Penguins",
    }
    studio_id = str((await server.graphql(CREATE, {"input": request}))["createStudio"]["studio"]["id"])

    async def runs() -> bool:
        return bool((await server.graphql(STATUS, {"id": studio_id}))["studio"]["status"] == "RUNNING")

    await eventually(runs)
    return studio_id


@asynccontextmanager
async def open_tab(api: Server, proxy: Server, studio_id: str) -> AsyncIterator[None]:
    """A browser tab with the session open; it is counted once its socket has said so."""
    url = urlsplit((await api.graphql(CONNECT, {"id": studio_id}))["connectStudio"]["url"])
    browser = {"Host": url.netloc, "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none"}
    entered = await proxy.http.get(f"{proxy.url}{url.path}?{url.query}", headers=browser, follow_redirects=False)
    headers = {"Cookie": entered.headers["set-cookie"].partition(";")[0]}
    origin = Origin(f"http://{url.netloc}")
    address = f"ws://{url.netloc}/_sg/live"
    async with connect(address, origin=origin, additional_headers=headers, host="127.0.0.1", port=proxy.port, proxy=None) as socket:
        await soon(socket.recv())
        yield


async def next_tabs(frames: AsyncIterator[dict[str, Any]]) -> list[int]:
    """The numbers of tabs in the next frame that has users."""
    while True:
        (frame,) = (await soon(anext(frames))).values()
        users = frame.get("connectedUsers", frame.get("studio", {}).get("connectedUsers"))
        if users is not None:
            return [user["tabs"] for user in users]


async def until_tabs(frames: AsyncIterator[dict[str, Any]], tabs: int, seconds: float) -> None:
    """Waits for that number of tabs of the one user, which must come within `seconds`."""
    began = time.monotonic()
    while await next_tabs(frames) != [tabs]:
        pass
    assert time.monotonic() - began < promised(seconds)


@pytest.mark.behaviour("B52")
async def test_a_second_tab_is_counted_when_it_opens_and_when_it_closes(server: Server) -> None:
    studio_id = await run_studio(server)
    workspace_id = global_id("Workspace", server.world.workspace_id)
    async with open_tab(server, server, studio_id), aclosing(server.subscribe(USERS, {"id": studio_id})) as users:  # type: ignore[type-var]
        assert await next_tabs(users) == [1]
        async with aclosing(server.subscribe(STUDIOS, {"id": workspace_id})) as studios:  # type: ignore[type-var]
            await anext(studios)
            async with open_tab(server, server, studio_id):
                await until_tabs(users, 2, OPENED_SECONDS)
                await until_tabs(studios, 2, OPENED_SECONDS)
            await until_tabs(users, 1, CLOSED_SECONDS)
            await until_tabs(studios, 1, CLOSED_SECONDS)
    events = (await server.graphql(EVENTS, {"id": studio_id}))["studio"]["events"]["nodes"]
    assert [event["__typename"] for event in events].count("ConnectedUsersEvent") <= 2  # joined and left, and none for the second tab


@pytest.mark.behaviour("B52")
@pytest.mark.postgres
@pytest.mark.slow
async def test_a_second_tab_through_another_process_is_counted(tmp_path: Path, postgresql_url: str) -> None:
    async with three_roles(tmp_path, postgresql_url) as (api, _, proxy):
        studio_id = await run_studio(api)
        async with open_tab(api, proxy, studio_id), aclosing(api.subscribe(USERS, {"id": studio_id})) as users:  # type: ignore[type-var]
            assert await next_tabs(users) == [1]
            async with open_tab(api, proxy, studio_id):
                await until_tabs(users, 2, OPENED_SECONDS)
            await until_tabs(users, 1, CLOSED_SECONDS)
