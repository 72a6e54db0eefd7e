"""A small graphql-transport-ws client for tests."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect


class GraphQLErrors(Exception):
    """An `error` message, or errors within a frame."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(errors)
        self.errors = errors


class GraphQLSocket:
    """Several operations over one connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self._ids = itertools.count(1)
        self._queues: dict[str, asyncio.Queue[dict[str, Any] | None]] = {}

    @classmethod
    @asynccontextmanager
    async def connected(cls, url: str, bearer: str) -> AsyncIterator["GraphQLSocket"]:
        """Open and acknowledged. Raises ConnectionClosed with the server's code if it refuses."""
        async with connect(url, subprotocols=["graphql-transport-ws"], proxy=None) as connection:  # type: ignore[list-item]  # a NewType of str
            await connection.send(orjson.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {bearer}"}}).decode())
            assert orjson.loads(await connection.recv())["type"] == "connection_ack"
            socket = cls(connection)
            reading = asyncio.create_task(socket.read())
            try:
                yield socket
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)

    async def subscribe(self, query: str, variables: dict[str, Any] | None = None) -> AsyncIterator[dict[str, Any]]:
        """The data of each frame, until it completes or the socket closes. Raises GraphQLErrors."""
        operation = str(next(self._ids))
        queue = self._queues[operation] = asyncio.Queue()
        payload = {"query": query, "variables": variables or {}}
        await self.connection.send(orjson.dumps({"id": operation, "type": "subscribe", "payload": payload}).decode())
        while (message := await queue.get()) is not None and message["type"] != "complete":
            if message["type"] == "error":
                raise GraphQLErrors(message["payload"])
            if message["payload"].get("errors"):
                raise GraphQLErrors(message["payload"]["errors"])
            yield message["payload"]["data"]

    async def read(self) -> None:
        """Hands each message to its operation until the connection ends."""
        try:
            async for text in self.connection:
                message = orjson.loads(text)
                if message["type"] == "ping":
                    await self.connection.send('{"type":"pong"}')
                elif message.get("id") in self._queues:
                    self._queues[message["id"]].put_nowait(message)
        finally:
            for queue in self._queues.values():
                queue.put_nowait(None)
