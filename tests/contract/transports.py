"""One operation asked over each transport, with the answer that HTTP would give."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from tests.contract.conftest import Running
from tests.contract.watching import ResponseWatch, over_multipart, over_sse
from tests.contract.world import TOKEN


async def over_http(api: Running, request: dict[str, Any]) -> dict[str, Any]:
    response = await api.post(request)
    answer: dict[str, Any] = response.json()
    return answer


async def over_websocket(api: Running, request: dict[str, Any]) -> dict[str, Any]:
    """As HTTP would answer: an `error` is errors without data."""
    async with api.socket() as socket:
        await socket.send(type="subscribe", id="1", payload=request)
        message = await socket.receive()
        return message["payload"] if message["type"] == "next" else {"errors": message["payload"]}


def streamed(over: Callable[..., AbstractAsyncContextManager[ResponseWatch]]) -> Callable[..., Awaitable[dict[str, Any]]]:
    """The one payload of a streamed response."""

    async def ask(api: Running, request: dict[str, Any]) -> dict[str, Any]:
        async with over(api.port, TOKEN, request) as watched:
            return (await watched.payloads())[0]

    return ask


TRANSPORTS = {"http": over_http, "websocket": over_websocket, "sse": streamed(over_sse), "multipart": streamed(over_multipart)}
