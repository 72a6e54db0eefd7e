"""The same promises, kept by the whole server over real sockets while real Studios start and stop."""

import asyncio
import json
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from schema.ids import encode
from services.domain.access import Role
from services.domain.events import Cursor, Kind
from services.store import log
from services.store.db.database import Database
from tests import factories
from tests.contract.ws import Socket, dial
from tests.server import Server
from tests.soak import rounds
from tests.waiting import promised

SUBSCRIBERS = 200
DISCONNECTS = rounds(8)
SEEN = 5
TOKENS = 5
"""So many, since a token opens at most 100 sockets."""
WITHIN_SECONDS = 2
STATUS = """subscription($id: ID!, $after: Cursor) {
  studioStatusChanged(scope: { workspaceId: $id }, after: $after) { kind: __typename ... on StudioStatusEvent { cursor } }
}"""
CREATE = "mutation($input: CreateStudioInput!) { createStudio(input: $input) { ... on StudioPayload { studio { id } } } }"
START = "mutation($id: ID!) { startStudio(input: { studioId: $id }) { __typename } }"
STOP = "mutation($id: ID!) { stopStudio(input: { studioId: $id }) { __typename } }"
STATUS_OF = "query($id: ID!) { studio(id: $id) { status } }"
REVOKE = "mutation($id: ID!) { revokeToken(input: { tokenId: $id }) { __typename } }"
REMOVE = "mutation($workspace: ID!, $user: ID!) { removeMember(input: { workspaceId: $workspace, userId: $user }) { __typename } }"


def workspace_id(server: Server) -> str:
    return encode("Workspace", server.world.workspace_id)


def url(server: Server) -> str:
    return f"ws://127.0.0.1:{server.port}/graphql"


class Client:
    """One subscriber who is cut off again and again, at any moment, and comes back with the last cursor."""

    def __init__(self, server: Server, secret: str, start: str, random: Random) -> None:
        self.server, self.secret, self.random = server, secret, random
        self.cursors: list[str] = []
        self.start = start

    @property
    def cursor(self) -> str:
        return self.cursors[-1] if self.cursors else self.start

    async def come_and_go(self) -> None:
        """So many times, and then, on a machine so busy that most were cut off before the first frame, until it saw some of the middle."""
        for number in count():
            patience = 1 if number < DISCONNECTS else 10
            if number >= DISCONNECTS and len(self.cursors) > SEEN:
                return
            with suppress(ConnectionClosed, TimeoutError):
                async with asyncio.timeout(patience * self.random.random()):
                    await self.read(abrupt=self.random.random() < 0.5)

    async def read(self, until: str | None = None, *, abrupt: bool = False) -> None:
        """What comes, until cut off, or until the cursor `until` has come."""
        if until is not None and self.cursor == until:
            return
        async with dial(url(self.server)) as socket:
            try:
                await socket.init(self.secret)
                await socket.subscribe(STATUS, variables={"id": workspace_id(self.server), "after": self.cursor})
                while self.cursor != until:
                    self.take(await socket.connection.recv())
            finally:
                if abrupt:
                    socket.connection.transport.abort()

    def take(self, text: Any) -> None:
        frame = json.loads(text)["payload"]["data"]["studioStatusChanged"]
        if frame["kind"] == "StudioStatusEvent":
            self.cursors.append(frame["cursor"])


async def create(server: Server, name: str) -> str:
    template = encode("Template", server.world.template_id)
    request = {"workspaceId": workspace_id(server), "templateId": template, "name": name, "autoStart": False}
    answer = await server.graphql(CREATE, {"input": request})
    studio_id: str = answer["createStudio"]["studio"]["id"]
    return studio_id


async def keep_changing(server: Server, stop: asyncio.Event) -> None:
    """One Studio after another is created, and all are started and stopped, as their statuses allow."""
    ids: list[str] = []
    for number in count():
        if stop.is_set():
            return
        if len(ids) < 4:
            ids.append(await create(server, f"Studio {number}"))
        for studio_id in ids:
            status = (await server.graphql(STATUS_OF, {"id": studio_id}))["studio"]["status"]
            if status in {"STOPPED", "RUNNING"}:
                await server.graphql(START if status == "STOPPED" else STOP, {"id": studio_id})
        await asyncio.sleep(0.1)


async def status_cursors(server: Server) -> list[str]:
    """The log itself, from the database."""
    database = Database(server.database_url)
    async with database.read() as reader:
        kinds = {Kind.STUDIO_CREATED, Kind.STUDIO_STATUS}
        page = await log.page(reader, server.world.workspace_id, 0, 1_000_000, kinds=kinds)
    await database.close()
    return [event.cursor.encode() for event in page.events]


async def secrets_of(server: Server, number: int) -> list[str]:
    database = Database(server.database_url)
    secrets = [(await factories.create_token(database, server.world.user_id))[1] for _ in range(number)]
    await database.close()
    return secrets


async def event_cursor(server: Server) -> str:
    query = "query($id: ID!) { workspace(by: { id: $id }) { eventCursor } }"
    cursor: str = (await server.graphql(query, {"id": workspace_id(server)}))["workspace"]["eventCursor"]
    return cursor


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.behaviour("B83")
async def test_200_subscribers_who_are_cut_off_again_and_again_all_see_the_log_in_order(server: Server) -> None:
    random, stop = Random(2), asyncio.Event()
    secrets = await secrets_of(server, TOKENS)
    start = await event_cursor(server)
    clients = [Client(server, secrets[number % TOKENS], start, Random(random.random())) for number in range(SUBSCRIBERS)]
    changing = asyncio.create_task(keep_changing(server, stop))
    await asyncio.gather(*(client.come_and_go() for client in clients))
    stop.set()
    await changing
    await until_quiet(server)
    written = await status_cursors(server)
    assert len(written) > 20, "nothing happened meanwhile"
    async with asyncio.timeout(60):
        await asyncio.gather(*(client.read(until=written[-1]) for client in clients))
    for client in clients:
        assert [Cursor.decode(cursor).seq for cursor in client.cursors] == [Cursor.decode(cursor).seq for cursor in written]


async def until_quiet(server: Server) -> None:
    """All Studios have come to rest."""
    query = "query($id: ID!) { workspace(by: { id: $id }) { studios { nodes { status } } } }"
    async with asyncio.timeout(60):
        while True:
            nodes = (await server.graphql(query, {"id": workspace_id(server)}))["workspace"]["studios"]["nodes"]
            if {node["status"] for node in nodes} <= {"STOPPED", "RUNNING", "ERRORED"}:
                return
            await asyncio.sleep(0.1)


async def open_stream(server: Server, socket: Socket, secret: str) -> None:
    await socket.init(secret)
    await socket.subscribe(STATUS, variables={"id": workspace_id(server)})
    assert (await socket.receive())["payload"]["data"]["studioStatusChanged"]["kind"] == "StudioStatusSnapshot"


@pytest.mark.behaviour("B94")
async def test_a_revoked_token_ends_its_open_streams_within_two_seconds(server: Server) -> None:
    database = Database(server.database_url)
    viewer, secret = await factories.create_token(database, server.world.user_id)
    await database.close()
    async with dial(url(server)) as socket, dial(url(server)) as other:
        await open_stream(server, socket, secret)
        await open_stream(server, other, server.world.secret)
        began = time.monotonic()
        await server.graphql(REVOKE, {"id": encode("Token", viewer.token_id)})
        code, _ = await socket.closed()
        assert (code, time.monotonic() - began < promised(WITHIN_SECONDS)) == (4403, True)
        await other.send(type="ping")
        assert (await other.receive())["type"] == "pong"


@pytest.mark.behaviour("B94")
async def test_a_token_that_expires_ends_its_open_streams(server: Server) -> None:
    database = Database(server.database_url)
    _, secret = await factories.create_token(database, server.world.user_id, expires_at=datetime.now(UTC) + timedelta(seconds=1.5))
    await database.close()
    async with dial(url(server)) as socket:
        await open_stream(server, socket, secret)
        assert (await socket.closed())[0] == 4403


@pytest.mark.behaviour("B59")
async def test_a_member_who_is_removed_is_told_and_the_stream_completes_within_two_seconds(server: Server) -> None:
    database = Database(server.database_url)
    viewer, secret = await factories.create_viewer(database, server.world.workspace_id, Role.VIEW)
    await database.close()
    async with dial(url(server)) as socket:
        await open_stream(server, socket, secret)
        began = time.monotonic()
        await server.graphql(REMOVE, {"workspace": workspace_id(server), "user": encode("User", viewer.user_id)})
        frame = await socket.receive()
        assert (frame["type"], frame["payload"]["errors"][0]["extensions"]["code"]) == ("next", "FORBIDDEN")
        assert (await socket.receive())["type"] == "complete"
        assert time.monotonic() - began < promised(WITHIN_SECONDS)
