"""Limits how many sockets and streams are open, in all and for each access token, and authenticates sockets."""

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
    """The limits of one socket or streamed response, unless a comment says otherwise. Times are in seconds, sizes in bytes."""

    init_seconds: float = 10.0
    auth_seconds: float = 10.0
    message_bytes: int = 64 * 1024
    operations: int = 100
    send_queue_bytes: int = 256 * 1024
    stall_seconds: float = 20.0  # a reader that takes nothing for so long is disconnected
    close_seconds: float = 1.0  # for the queued messages, then for the final one
    heartbeat_seconds: float = 15.0  # of streams; sockets have pings of the WebSocket protocol
    sockets_per_token: int = 100  # streams count like sockets
    sockets: int = 10_000  # in this process, streams among them


class TooManyStreams(Exception):
    """No slot is free; one may be later. `status` is the status code of HTTP."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class StreamSlots:
    """The slots for sockets and streams: each holds one of all slots, and one of its access token."""

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
    def reserve(self, viewer: Viewer | None = None) -> Iterator[None]:
        """Holds one of all slots, and one of the viewer's token if it is known yet, while the block runs. Raises TooManyStreams."""
        if self._open >= self.limits.sockets:
            raise TooManyStreams("Too many connections. Try again later.", 503)
        if viewer:
            self.acquire(viewer)
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            if viewer:
                self.release(viewer)

    def acquire(self, viewer: Viewer) -> None:
        """Takes a slot of the viewer's token, until `release`. Raises TooManyStreams."""
        if self._per_token.get(viewer.token_id, 0) >= self.limits.sockets_per_token:
            raise TooManyStreams("This access token has too many connections.", 429)
        self._per_token[viewer.token_id] += 1

    def release(self, viewer: Viewer) -> None:
        """Gives a slot of the viewer's token back."""
        self._per_token[viewer.token_id] -= 1
        if not self._per_token[viewer.token_id]:
            del self._per_token[viewer.token_id]

    async def admit(self, *credentials: object) -> Viewer:
        """Returns the viewer of a socket, by the first credential that is `Bearer <token>`, after `acquire`. Raises CloseFrame."""
        token = next((token for credential in credentials if (token := bearer(credential))), None)
        if token is None:
            raise CloseFrame(Close.FORBIDDEN, "Send an access token: Authorization: Bearer <token>.")
        viewer = await self._viewer(token)
        try:
            self.acquire(viewer)
        except TooManyStreams as error:
            raise CloseFrame(Close.TRY_LATER, error.reason) from None
        return viewer

    async def until_ended(self, viewer: Viewer) -> str:
        """Waits until the viewer's token has ended. Returns the reason as text for people."""
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
