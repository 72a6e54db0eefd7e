"""A client that follows the status events of a workspace through whatever API answers, and resumes by cursor."""

import asyncio
import random
from contextlib import aclosing, suppress
from typing import Any

from websockets.exceptions import WebSocketException

from services.domain.events import Cursor
from tests.faults.server_pairs import ServerPairs
from tests.graphql_ids import global_id
from tests.server import Server

EVENTS = """subscription($id: ID!, $after: Cursor) { studioEvents(scope: { workspaceId: $id }, after: $after) {
  __typename ... on Event { cursor } ... on StudioStatusSnapshot { cursor } ... on Heartbeat { cursor } } }"""
SILENT_SECONDS = 17.0
"""Heartbeats come every 15 s."""


class EventFollower:
    """Collects in `seqs` the numbers of the status events, in the order in which they came."""

    def __init__(self, servers: ServerPairs, chance: random.Random) -> None:
        self.seqs: list[int] = []
        self.first_seq = 0
        self._servers, self._chance = servers, chance
        self._cursor: str | None = None
        self.progressed = asyncio.Event()

    @property
    def seq(self) -> int:
        """The number up to which the stream was received."""
        return Cursor.decode(self._cursor).seq if self._cursor else 0

    async def run(self) -> None:
        while True:
            with suppress(OSError, WebSocketException, TimeoutError):
                await self._follow(self._chance.choice(self._servers.pairs["api"]))
            await asyncio.sleep(0.2)

    async def _follow(self, server: Server) -> None:
        variables = {"id": global_id("Workspace", self._servers.world.workspace_id), "after": self._cursor}
        async with aclosing(server.subscribe(EVENTS, variables)) as frames:  # type: ignore[type-var]
            while True:
                async with asyncio.timeout(SILENT_SECONDS):
                    frame = await anext(frames, None)
                if frame is None:
                    return
                self._note(frame["studioEvents"])

    def _note(self, frame: dict[str, Any]) -> None:
        assert frame["__typename"] != "Resync", "an event is missing"
        self._cursor = frame["cursor"]
        self.first_seq = self.first_seq or self.seq
        if frame["__typename"] == "StudioStatusEvent":
            self.seqs.append(self.seq)
        self.progressed.set()
