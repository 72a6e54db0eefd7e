"""Who may hold a socket or a stream, and how much of it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from schema.error_masking import masked
from schema.transport.messages import Close, CloseFrame
from schema.transport.request_headers import bearer
from services.domain.access import Viewer
from services.domain.errors import Unauthenticated


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """Of one socket or streamed response unless said otherwise. Times in seconds, sizes in bytes."""

    init_seconds: float = 10.0
    auth_seconds: float = 10.0
    message_bytes: int = 64 * 1024
    operations: int = 100
    outbox_bytes: int = 256 * 1024
    stall_seconds: float = 20.0  # a reader that takes nothing for so long is cut off
    close_seconds: float = 1.0  # for what is queued, then for the last words
    heartbeat_seconds: float = 15.0  # of streams; on sockets the server pings
    sockets_per_token: int = 100  # streams count like sockets
    sockets: int = 10_000  # in this process, streams among them


class TooManyStreams(Exception):
    """No place is free; one may be later. `status` is what HTTP calls it."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class StreamSlots:
    """Authenticates sockets, counts sockets and streams, in all and by token, and knows when a token ends."""

    def __init__(
        self,
        authenticate: Callable[[str], Awaitable[Viewer]],
        token_ended: Callable[[Viewer], Awaitable[None]],
        limits: SocketLimits | None = None,
    ) -> None:
        self.limits = limits or SocketLimits()
        self._authenticate = authenticate
        self._token_ended = token_ended
        self._open = 0
        self._per_token: Counter[str] = Counter()

    @contextmanager
    def place(self, viewer: Viewer | None = None) -> Iterator[None]:
        """One of all places, and one of the viewer's token if it is known yet, for the time of the block. Raises Crowded."""
        if self._open >= self.limits.sockets:
            raise TooManyStreams("Too many connections. Try again later.", 503)
        if viewer:
            self.join(viewer)
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            if viewer:
                self.leave(viewer)

    def join(self, viewer: Viewer) -> None:
        """Take one of the places of the viewer's token; `leave` gives it back. Raises Crowded."""
        if self._per_token.get(viewer.token_id, 0) >= self.limits.sockets_per_token:
            raise TooManyStreams("This access token has too many connections.", 429)
        self._per_token[viewer.token_id] += 1

    def leave(self, viewer: Viewer) -> None:
        self._per_token[viewer.token_id] -= 1
        if not self._per_token[viewer.token_id]:
            del self._per_token[viewer.token_id]

    async def enter(self, *credentials: object) -> Viewer:
        """The viewer of a socket, by the first credential that is `Bearer <token>`, with its place taken. Raises Closing."""
        token = next((token for credential in credentials if (token := bearer(credential))), None)
        if token is None:
            raise CloseFrame(Close.FORBIDDEN, "Send an access token: Authorization: Bearer <token>.")
        viewer = await self._viewer(token)
        try:
            self.join(viewer)
        except TooManyStreams as crowded:
            raise CloseFrame(Close.TRY_LATER, crowded.reason) from None
        return viewer

    async def until_ended(self, viewer: Viewer) -> str:
        """Return once the viewer's token has ended, with words for the client."""
        await self._token_ended(viewer)
        return "The access token was revoked or has expired."

    async def _viewer(self, token: str) -> Viewer:
        try:
            async with asyncio.timeout(self.limits.auth_seconds):
                return await self._authenticate(token)
        except Unauthenticated as error:
            raise CloseFrame(Close.FORBIDDEN, error.message) from None
        except TimeoutError:
            raise CloseFrame(Close.INIT_TIMEOUT, "The access token could not be checked in time.") from None
        except Exception as error:  # noqa: BLE001 - 1011, which uvicorn would give, makes clients stop for good
            raise CloseFrame(Close.TRY_LATER, masked(error)[0]) from None
