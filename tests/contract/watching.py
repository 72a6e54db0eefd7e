"""One operation, watched over each transport that streams, and told in the same words whatever the transport."""

import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from tests.contract.posting import Response, posted
from tests.contract.ws import Socket, dial

Seen = tuple[Any, ...]
"""`("next", payload)`, `("complete",)`, `("refused", codes)` of an operation that never began, `("failed", codes)` of an Apollo stream,
`("closed", code)` of a socket, `("ended",)` of events that stop without `complete`."""

COMPLETE: Seen = ("complete",)
MULTIPART = "multipart/mixed;subscriptionSpec=1.0"
EVENTS = "text/event-stream"


def codes(errors: list[dict[str, Any]]) -> list[str]:
    return [error["extensions"]["code"] for error in errors]


class Watch(ABC):
    """An operation that was sent."""

    @abstractmethod
    async def receive(self) -> Seen:
        """What comes next. Every wait has a limit."""

    @abstractmethod
    async def leave(self) -> None:
        """End it as a client does that wants no more."""

    @abstractmethod
    def vanish(self) -> None:
        """As if the client's machine went away."""

    async def payload(self) -> dict[str, Any]:
        kind, payload = await self.receive()
        assert kind == "next"
        data: dict[str, Any] = payload
        return data

    async def rest(self) -> list[Seen]:
        """All until its end."""
        seen = [await self.receive()]
        while seen[-1][0] == "next":
            seen.append(await self.receive())
        return seen


class SocketWatch(Watch):
    """Over graphql-transport-ws."""

    def __init__(self, socket: Socket) -> None:
        self.socket = socket

    async def receive(self) -> Seen:
        message = await self.socket.receive_or_close()
        if isinstance(message, int):
            return "closed", message
        match message["type"]:
            case "next":
                return "next", message["payload"]
            case "error":
                return "refused", codes(message["payload"])
            case other:
                return (other,)

    async def leave(self) -> None:
        await self.socket.send(type="complete", id="1")

    def vanish(self) -> None:
        self.socket.connection.transport.abort()


class ResponseWatch(Watch):
    """Over a streamed response. `heartbeats` counts those that came."""

    def __init__(self, response: Response) -> None:
        self.response = response
        self.heartbeats = 0
        self._text = ""
        self._seen: deque[Seen] = deque()
        self._over = False

    async def receive(self) -> Seen:
        seen = await self._one()
        if seen[0] == "next" and "data" not in seen[1]:  # of what never began, and of SSE that fails
            assert await self._one() == COMPLETE
            seen = "refused", codes(seen[1]["errors"])
        if seen[0] != "next":
            assert await self._chunk() is None  # the response is whole
        return seen

    async def payloads(self) -> list[dict[str, Any]]:
        """All of an operation that completes by itself, as they came."""
        seen = [await self._one()]
        while seen[-1] != COMPLETE:
            seen.append(await self._one())
        return [payload for _, payload in seen[:-1]]

    async def heartbeat(self) -> None:
        """Return when another has come."""
        before = self.heartbeats
        while self.heartbeats == before:
            await self.read()

    async def leave(self) -> None:
        self.response.writer.close()

    def vanish(self) -> None:
        self.response.abort()

    async def _one(self) -> Seen:
        while not self._seen:
            await self.read()
        return self._seen.popleft()

    async def _chunk(self) -> bytes | None:
        """What comes next of the response; whoever looks again after its end finds the end again."""
        chunk = None if self._over else await self.response.chunk()
        self._over = chunk is None
        return chunk

    async def read(self) -> None:
        """Waits for the next chunk and notes what is whole."""
        chunk = await self._chunk()
        if chunk is None:
            self._seen.append(("ended",))
            return
        *whole, self._text = (self._text + chunk.decode()).split(self.separator)
        for text in whole:
            self._take(text)

    separator: str

    @abstractmethod
    def _take(self, text: str) -> None:
        """Note what stands between two separators."""


class EventsWatch(ResponseWatch):
    """Over GraphQL over SSE."""

    separator = "\n\n"

    def _take(self, text: str) -> None:
        fields = dict(line.split(":", 1) for line in text.split("\n"))
        if "event" not in fields:
            assert list(fields) == [""]  # a comment
            self.heartbeats += 1
        elif fields["event"] == " next":
            self._seen.append(("next", json.loads(fields["data"])))
        else:
            assert fields == {"event": " complete", "data": ""}
            self._seen.append(COMPLETE)


class PartsWatch(ResponseWatch):
    """Over Apollo's multipart responses."""

    separator = "\r\n---"

    def _take(self, text: str) -> None:
        if not text:  # before the first delimiter
            return
        head, body = text.split("\r\n\r\n")
        assert head == "\r\nContent-Type: application/json"
        part = json.loads(body)
        if not part:
            self.heartbeats += 1
        elif "errors" in part:
            assert part["payload"] is None
            self._seen.append(("failed", codes(part["errors"])))
        else:
            self._seen.append(("next", part["payload"]))

    async def read(self) -> None:
        await super().read()
        if self._text == "--\r\n":
            self._text = ""
            if not self._seen or self._seen[-1][0] != "failed":
                self._seen.append(COMPLETE)


@asynccontextmanager
async def over_websocket(port: int, token: str, request: dict[str, Any]) -> AsyncIterator[Watch]:
    async with dial(f"ws://127.0.0.1:{port}/graphql") as socket:
        await socket.init(token)
        await socket.send(type="subscribe", id="1", payload=request)
        yield SocketWatch(socket)


@asynccontextmanager
async def over_sse(port: int, token: str, request: dict[str, Any]) -> AsyncIterator[EventsWatch]:
    async with posted(port, request, {"Authorization": f"Bearer {token}", "Accept": EVENTS}) as response:
        assert (response.status, response.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        yield EventsWatch(response)


@asynccontextmanager
async def over_multipart(port: int, token: str, request: dict[str, Any]) -> AsyncIterator[PartsWatch]:
    async with posted(port, request, {"Authorization": f"Bearer {token}", "Accept": MULTIPART}) as response:
        assert (response.status, response.headers["content-type"]) == (200, 'multipart/mixed; boundary="-"; subscriptionSpec=1.0')
        yield PartsWatch(response)


STREAMING: dict[str, Callable[[int, str, dict[str, Any]], AbstractAsyncContextManager[Watch]]] = {
    "websocket": over_websocket,
    "sse": over_sse,
    "multipart": over_multipart,
}
