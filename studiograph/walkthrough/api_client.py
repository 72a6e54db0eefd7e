"""A GraphQL client: queries and mutations over HTTP, subscriptions over graphql-transport-ws."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import aiohttp


class ApiError(Exception):
    """The API answered with an error; the text says which."""


class ApiClient:
    """A client of the API with one access token."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str) -> None:
        self._http = http
        self._url = f"{url}/graphql"
        self._token = token
        self._ids = itertools.count(1)

    async def request(self, query: str, **variables: Any) -> dict[str, Any]:
        """Sends a query or mutation and returns its data. Raises ApiError."""
        headers = {"Authorization": f"Bearer {self._token}"}
        async with self._http.post(self._url, json={"query": query, "variables": variables}, headers=headers) as response:
            return _data(await response.json(content_type=None))

    async def mutate(self, mutation: str, result: str, **fields: Any) -> dict[str, Any]:
        """Sends a mutation with the input `fields` and returns the fields `result` of its payload. Raises ApiError."""
        type_name = mutation[0].upper() + mutation[1:]
        input_type = "StudioActionInput" if mutation in ("deleteStudio", "connectStudio") else f"{type_name}Input"
        query = (
            f"mutation ($input: {input_type}!) {{ {mutation}(input: $input) {{ __typename {result} ... on Error {{ code message }} }} }}"
        )
        payload: dict[str, Any] = (await self.request(query, input=fields))[mutation]
        if "message" in payload:
            raise ApiError(f"{mutation}: {payload['message']} ({payload['code']})")
        return payload

    async def stream(self, query: str, **variables: Any) -> AsyncIterator[dict[str, Any]]:
        """Yields the frames of a subscription. Raises ApiError."""
        async with self._http.ws_connect(self._url, protocols=["graphql-transport-ws"], max_msg_size=0) as socket:
            await socket.send_json({"type": "connection_init", "payload": {"Authorization": f"Bearer {self._token}"}})
            if (await socket.receive_json())["type"] != "connection_ack":
                raise ApiError("the server did not acknowledge the connection")
            await socket.send_json({"id": str(next(self._ids)), "type": "subscribe", "payload": {"query": query, "variables": variables}})
            while (message := await socket.receive_json())["type"] != "complete":
                if message["type"] == "ping":
                    await socket.send_json({"type": "pong"})
                elif message["type"] == "error":
                    raise ApiError(message["payload"][0]["message"])
                else:
                    yield next(iter(_data(message["payload"]).values()))


class FrameCollector:
    """Collects the frames of a subscription in the background, so that none is missed between two steps."""

    def __init__(self, frames: AsyncIterator[dict[str, Any]]) -> None:
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task = asyncio.create_task(self._collect(frames))

    async def until(self, name: str, value: str, limit: float) -> list[dict[str, Any]]:
        """Returns the frames up to the first whose field `name` is `value`.

        Raises TimeoutError after `limit` seconds, or the error that ended the stream.
        """
        frames: list[dict[str, Any]] = []
        async with asyncio.timeout(limit):
            while not frames or frames[-1].get(name) != value:
                frames.append(await self._next())
        return frames

    async def _next(self) -> dict[str, Any]:
        get = asyncio.ensure_future(self._queue.get())
        await asyncio.wait([get, self._task], return_when=asyncio.FIRST_COMPLETED)
        if not get.done():
            get.cancel()
            self._task.result()
            raise ApiError("the subscription ended")
        return get.result()

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _collect(self, frames: AsyncIterator[dict[str, Any]]) -> None:
        async for frame in frames:
            self._queue.put_nowait(frame)


def _data(response: dict[str, Any]) -> dict[str, Any]:
    if response.get("errors"):
        raise ApiError(response["errors"][0]["message"])
    data: dict[str, Any] = response["data"]
    return data
