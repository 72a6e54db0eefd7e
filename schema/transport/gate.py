"""Who may hold a socket, and how much of it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from schema.masking import masked
from schema.transport.headers import bearer
from schema.transport.messages import Close, Closing
from services.access import Viewer
from services.errors import Unauthenticated


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """Of one socket unless said otherwise. Times in seconds, sizes in bytes."""

    init_seconds: float = 10.0
    auth_seconds: float = 10.0
    message_bytes: int = 64 * 1024
    operations: int = 100
    outbox_bytes: int = 256 * 1024
    stall_seconds: float = 20.0  # a reader that takes nothing for so long is cut off
    close_seconds: float = 1.0  # for what is queued, then for the close frame
    sockets_per_token: int = 100
    sockets: int = 10_000  # in this process


class Gate:
    """Authenticates sockets, counts them by token, and knows when their token ends."""

    def __init__(
        self, authenticate: Callable[[str], Awaitable[Viewer]], token_ended: Callable[[Viewer], Awaitable[None]], limits: SocketLimits
    ) -> None:
        self.limits = limits
        self._authenticate = authenticate
        self._token_ended = token_ended
        self._per_token: Counter[str] = Counter()

    async def enter(self, *credentials: object) -> Viewer:
        """The viewer of the first credential that is `Bearer <token>`; `leave` gives the place back. Raises Closing."""
        token = next((token for credential in credentials if (token := bearer(credential))), None)
        if token is None:
            raise Closing(Close.FORBIDDEN, "Send an access token: Authorization: Bearer <token>.")
        viewer = await self._viewer(token)
        if self._per_token[viewer.token_id] >= self.limits.sockets_per_token:
            raise Closing(Close.TRY_LATER, "This access token has too many connections.")
        self._per_token[viewer.token_id] += 1
        return viewer

    def leave(self, viewer: Viewer) -> None:
        self._per_token[viewer.token_id] -= 1
        if not self._per_token[viewer.token_id]:
            del self._per_token[viewer.token_id]

    async def until_ended(self, viewer: Viewer) -> None:
        """Raises Closing once the viewer's token has ended."""
        await self._token_ended(viewer)
        raise Closing(Close.FORBIDDEN, "The access token was revoked or has expired.")

    async def _viewer(self, token: str) -> Viewer:
        try:
            async with asyncio.timeout(self.limits.auth_seconds):
                return await self._authenticate(token)
        except Unauthenticated as error:
            raise Closing(Close.FORBIDDEN, error.message) from None
        except TimeoutError:
            raise Closing(Close.INIT_TIMEOUT, "The access token could not be checked in time.") from None
        except Exception as error:  # noqa: BLE001 - 1011, which uvicorn would give, makes clients stop for good
            raise Closing(Close.TRY_LATER, masked(error)[0]) from None
