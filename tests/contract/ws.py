"""A client's end of graphql-transport-ws, to say what good clients never say."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

PROTOCOL = Subprotocol("graphql-transport-ws")
SECONDS = 10


class Socket:
    """One connection; every wait has a limit."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(SECONDS):
            message: dict[str, Any] = json.loads(await self.connection.recv())
            return message

    async def receive_or_close(self) -> dict[str, Any] | int:
        """The next message, or the code of the close."""
        try:
            return await self.receive()
        except ConnectionClosed:
            return self.connection.close_code or 0

    async def init(self, token: str, key: str = "Authorization") -> None:
        await self.send(type="connection_init", payload={key: f"Bearer {token}"})
        assert await self.receive() == {"type": "connection_ack"}

    async def subscribe(self, query: str, id_: str = "1", **request: Any) -> None:
        await self.send(type="subscribe", id=id_, payload={"query": query} | request)

    async def closed(self) -> tuple[int | None, str | None]:
        """Code and reason of the close, whatever still comes before it."""
        async with asyncio.timeout(SECONDS):
            try:
                while True:
                    await self.connection.recv()
            except ConnectionClosed:
                return self.connection.close_code, self.connection.close_reason

    async def operation(self, query: str, id_: str = "1", **request: Any) -> list[dict[str, Any]]:
        """All that is answered to an operation that ends by itself."""
        await self.subscribe(query, id_, **request)
        messages = [await self.receive()]
        while messages[-1]["type"] == "next":
            messages.append(await self.receive())
        return messages


@asynccontextmanager
async def dial(url: str, *, subprotocols: tuple[str, ...] = (PROTOCOL,), **options: Any) -> AsyncIterator[Socket]:
    offered = [Subprotocol(name) for name in subprotocols] or None
    async with connect(url, subprotocols=offered, compression=None, proxy=None, **options) as connection:
        yield Socket(connection)
