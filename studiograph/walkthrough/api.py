"""A client of the GraphQL API: one operation over HTTP, subscriptions over graphql-transport-ws."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import aiohttp


class Refusal(Exception):
    """What the API answered instead of what was asked for."""


class Api:
    """With one access token."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str) -> None:
        self._http = http
        self._url = f"{url}/graphql"
        self._token = token
        self._ids = itertools.count(1)

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data. Raises Refusal."""
        headers = {"Authorization": f"Bearer {self._token}"}
        async with self._http.post(self._url, json={"query": query, "variables": variables}, headers=headers) as response:
            return _data(await response.json(content_type=None))

    async def do(self, mutation: str, result: str, **given: Any) -> dict[str, Any]:
        """A mutation of one input; the fields `result` of its payload. Raises Refusal for a typed error too."""
        type_name = mutation[0].upper() + mutation[1:]
        input_type = "StudioActionInput" if mutation in ("deleteStudio", "connectStudio") else f"{type_name}Input"
        query = (
            f"mutation ($input: {input_type}!) {{ {mutation}(input: $input) {{ __typename {result} ... on Error {{ code message }} }} }}"
        )
        payload: dict[str, Any] = (await self.ask(query, input=given))[mutation]
        if "message" in payload:
            raise Refusal(f"{mutation}: {payload['message']} ({payload['code']})")
        return payload

    async def stream(self, query: str, **variables: Any) -> AsyncIterator[dict[str, Any]]:
        """The frames of a subscription. Raises Refusal."""
        async with self._http.ws_connect(self._url, protocols=["graphql-transport-ws"], max_msg_size=0) as socket:
            await socket.send_json({"type": "connection_init", "payload": {"Authorization": f"Bearer {self._token}"}})
            if (await socket.receive_json())["type"] != "connection_ack":
                raise Refusal("the server did not acknowledge the connection")
            await socket.send_json({"id": str(next(self._ids)), "type": "subscribe", "payload": {"query": query, "variables": variables}})
            while (message := await socket.receive_json())["type"] != "complete":
                if message["type"] == "ping":
                    await socket.send_json({"type": "pong"})
                elif message["type"] == "error":
                    raise Refusal(message["payload"][0]["message"])
                else:
                    yield next(iter(_data(message["payload"]).values()))


class Listener:
    """A subscription that collects in the background, so that nothing is missed between two steps."""

    def __init__(self, frames: AsyncIterator[dict[str, Any]]) -> None:
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task = asyncio.create_task(self._collect(frames))

    async def until(self, name: str, value: str, limit: float) -> list[dict[str, Any]]:
        """The frames up to the first whose field `name` is `value`. Raises TimeoutError after `limit` seconds, or what ended the stream."""
        seen: list[dict[str, Any]] = []
        async with asyncio.timeout(limit):
            while not seen or seen[-1].get(name) != value:
                seen.append(await self._next())
        return seen

    async def _next(self) -> dict[str, Any]:
        get = asyncio.ensure_future(self._queue.get())
        await asyncio.wait([get, self._task], return_when=asyncio.FIRST_COMPLETED)
        if not get.done():
            get.cancel()
            self._task.result()
            raise Refusal("the subscription ended")
        return get.result()

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _collect(self, frames: AsyncIterator[dict[str, Any]]) -> None:
        async for frame in frames:
            self._queue.put_nowait(frame)


def _data(answer: dict[str, Any]) -> dict[str, Any]:
    if answer.get("errors"):
        raise Refusal(answer["errors"][0]["message"])
    data: dict[str, Any] = answer["data"]
    return data
