"""What real sessions print, over the real server: live, kept after their end and after a failure, and gone with the Studio."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from schema.ids import encode
from services.domain.access import Role
from services.domain.ids import new_id
from services.store.db.database import Database
from services.store.tables import core
from tests import factories
from tests.contract.watching import COMPLETE, STREAMING
from tests.server import Server
from tests.stored_output import store_output
from tests.three_roles import three_roles
from tests.waiting import WAIT_LIMIT_S, eventually

pytestmark = pytest.mark.behaviour("B84")
Frames = AsyncGenerator[dict[str, Any]]
CREATE = "mutation($input: CreateStudioInput!) { createStudio(input: $input) { ... on StudioPayload { studio { id } } } }"
STOP = "mutation($id: ID!) { stopStudio(input: { studioId: $id }) { __typename } }"
DELETE = "mutation($id: ID!) { deleteStudio(input: { studioId: $id }) { __typename } }"
STUDIO = "query($id: ID!) { studio(id: $id) { status statusMessage logs { session text isComplete nextOffset } } }"
LOGS = """subscription($id: ID!, $after: BigInt) { studioLogs(studioId: $id, afterOffset: $after) {
  kind: __typename ... on LogChunk { session offset nextOffset text skipped } ... on LogEnded { offset } } }"""
SECRET = "correct-horse-battery"


async def create(server: Server, **environment: str) -> str:
    """A Studio that starts, with these variables; SECRET is a secret one."""
    variables = [{"key": key, "value": value, "secret": value == SECRET} for key, value in environment.items()]
    request = {"workspaceId": encode("Workspace", server.world.workspace_id), "name": f"Studio {len(environment)} {sorted(environment)}"}
    template = {"templateId": encode("Template", server.world.template_id), "environment": variables}
    answer = await server.graphql(CREATE, {"input": {**request, **template}})
    studio_id: str = answer["createStudio"]["studio"]["id"]
    return studio_id


async def status(server: Server, studio_id: str, expected: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        studio: dict[str, Any] = (await server.graphql(STUDIO, {"id": studio_id}))["studio"]
        return studio if studio["status"] == expected else None

    return await eventually(look, every=0.05)


async def read(frames: Frames, until: str) -> str:
    """The text of chunks until `until` is in it."""
    text = ""
    async with asyncio.timeout(WAIT_LIMIT_S):
        while until not in text:
            frame = (await anext(frames))["studioLogs"]
            assert frame["kind"] in ("LogChunk", "Heartbeat")
            text += frame.get("text", "")
    return text


async def rest(frames: Frames) -> list[dict[str, Any]]:
    async with asyncio.timeout(WAIT_LIMIT_S):
        return [frame["studioLogs"] async for frame in frames if frame["studioLogs"]["kind"] != "Heartbeat"]


async def test_a_session_is_heard_live_until_it_ends_and_its_output_is_kept(server: Server) -> None:
    studio_id = await create(server, TINY_PRINT=f"the password is {SECRET}.", PASSWORD=SECRET)
    async with aclosing(cast("Frames", server.subscribe(LOGS, {"id": studio_id}))) as frames:
        text = await read(frames, "tiny listens\n")
        assert text.startswith("the password is ….\n")
        await status(server, studio_id, "RUNNING")
        await server.graphql(STOP, {"id": studio_id})
        last = await rest(frames)
    assert [frame["kind"] for frame in last][-1] == "LogEnded"
    whole = text + "".join(frame.get("text", "") for frame in last)
    kept = (await status(server, studio_id, "STOPPED"))["logs"]
    assert kept == {"session": 1, "text": whole, "isComplete": True, "nextOffset": last[-1]["offset"]}
    async with aclosing(cast("Frames", server.subscribe(LOGS, {"id": studio_id, "after": 4}))) as frames:
        again = await rest(frames)
    assert ("".join(frame.get("text", "") for frame in again), again[0]["offset"], again[-1]["kind"]) == (whole[4:], 4, "LogEnded")
    await server.graphql(DELETE, {"id": studio_id})
    database = Database(server.database_url)
    async with database.read() as reader:
        for table in (core.output, core.output_piece):
            assert (await reader.execute(table.select())).all() == []
    await database.close()


@pytest.mark.behaviour("B7")
async def test_a_start_that_failed_keeps_what_it_printed(server: Server) -> None:
    studio_id = await create(server, TINY_PRINT="cannot open the display", TINY_EXIT_AFTER="0", TINY_EXIT_CODE="3", TINY_NEVER="1")
    studio = await status(server, studio_id, "ERRORED")
    assert "cannot open the display" in studio["statusMessage"]
    assert studio["logs"] == {"session": 1, "text": "cannot open the display\n", "isComplete": True, "nextOffset": 24}


async def test_a_restart_of_the_server_loses_nothing_and_repeats_nothing(server: Server) -> None:
    studio_id = await create(server)
    async with aclosing(cast("Frames", server.subscribe(LOGS, {"id": studio_id}))) as frames:
        before = await read(frames, "tiny listens\n")
    await status(server, studio_id, "RUNNING")
    await server.kill9()
    await server.start()
    await server.graphql(STOP, {"id": studio_id})
    assert (await status(server, studio_id, "STOPPED"))["logs"]["text"].startswith(before)
    assert (await status(server, studio_id, "STOPPED"))["logs"]["text"].count("tiny listens") == 1


@pytest.mark.parametrize("transport", STREAMING)
async def test_the_stream_ends_in_good_order_over_every_transport(server: Server, transport: str) -> None:
    studio_id = await create(server, TINY_PRINT="hello", TINY_EXIT_AFTER="0", TINY_NEVER="1")
    request = {"query": LOGS, "variables": {"id": studio_id}}
    async with asyncio.timeout(WAIT_LIMIT_S), STREAMING[transport](server.port, server.world.secret, request) as watch:
        seen = await watch.rest()
    kinds = [payload["data"]["studioLogs"]["kind"] for _, payload in seen[:-1]]
    assert (kinds[0], kinds[-1], seen[-1]) == ("LogChunk", "LogEnded", COMPLETE)


async def test_what_is_not_kept_is_told_and_a_build_is_heard_like_a_session(server: Server) -> None:
    database, build = Database(server.database_url), new_id()
    studio_id = await factories.create_studio(database, server.world, status="BUILD_FAILED", session_number=1, build_id=build)
    session_id = await factories.create_session(database, server.world, studio_id, ended_at=datetime.now(UTC))
    await store_output(database, session_id, b"early", 1000, b"late", 7, b"", closed=True)
    await store_output(database, build, "äö".encode() * 40_000, closed=True)
    await database.close()
    query = LOGS.replace("$after: BigInt", "$source: LogSource").replace("afterOffset: $after", "source: $source")
    seen = []
    for source in ("SESSION", None):
        async with aclosing(cast("Frames", server.subscribe(query, {"id": encode("Studio", studio_id), "source": source}))) as frames:
            seen.append(await rest(frames))
    session, of_build = seen
    assert [(frame["kind"], frame["offset"], frame.get("skipped")) for frame in session] == [
        ("LogChunk", 0, 0),
        ("LogChunk", 1005, 1000),
        ("LogEnded", 1016, None),
    ]
    assert "".join(frame["text"] for frame in of_build[:-1]) == "äö" * 40_000
    assert (of_build[0]["session"], of_build[-1]["kind"]) == (None, "LogEnded")


async def test_the_stream_of_a_build_ends_where_another_begins(server: Server) -> None:
    database, build = Database(server.database_url), new_id()
    studio_id = await factories.create_studio(database, server.world, status="BUILDING", session_number=1, build_id=build)
    await store_output(database, build, b"before")
    async with aclosing(cast("Frames", server.subscribe(LOGS, {"id": encode("Studio", studio_id)}))) as frames:
        await read(frames, "before")
        async with database.write() as transaction:
            await transaction.execute(core.studio.update().where(core.studio.c.id == studio_id).values(build_id=new_id()))
            transaction.wake("output", build)
        assert await rest(frames) == [{"kind": "LogEnded", "offset": 6}]
    await database.close()


@pytest.mark.behaviour("B92")
async def test_rights_are_checked_before_and_meanwhile(server: Server) -> None:
    studio_id = await create(server)
    database = Database(server.database_url)
    _, stranger = await factories.create_viewer(database, await factories.create_workspace(database), Role.OWNER)
    member, secret = await factories.create_viewer(database, server.world.workspace_id, Role.VIEW)
    await database.close()
    absent = encode("Studio", "0" * 32)
    answers = []
    for asked in (studio_id, absent):
        async with (
            asyncio.timeout(WAIT_LIMIT_S),
            STREAMING["sse"](server.port, stranger, {"query": LOGS, "variables": {"id": asked}}) as watch,
        ):
            answers.append(await watch.receive())
    assert answers == [("refused", ["NOT_FOUND"])] * 2
    request = {"query": LOGS, "variables": {"id": studio_id}}
    async with asyncio.timeout(WAIT_LIMIT_S), STREAMING["websocket"](server.port, secret, request) as watch:
        while "tiny listens" not in json.dumps(await watch.receive()):
            pass
        remove = "mutation($w: ID!, $u: ID!) { removeMember(input: { workspaceId: $w, userId: $u }) { __typename } }"
        variables = {"w": encode("Workspace", server.world.workspace_id), "u": encode("User", member.user_id)}
        await server.graphql(remove, variables)
        seen = [item for item in await watch.rest() if item[0] != "next" or item[1].get("errors")]
    assert seen[0][1]["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert seen[-1] == COMPLETE


@pytest.mark.postgres
async def test_the_controller_s_process_wakes_the_api_s(tmp_path: Path, postgresql_url: str) -> None:
    async with three_roles(tmp_path, postgresql_url) as (api, _, _):
        studio_id = await create(api)
        async with aclosing(cast("Frames", api.subscribe(LOGS, {"id": studio_id}))) as frames:
            await read(frames, "tiny listens\n")
            await status(api, studio_id, "RUNNING")
            await api.graphql(STOP, {"id": studio_id})
            assert (await rest(frames))[-1]["kind"] == "LogEnded"
