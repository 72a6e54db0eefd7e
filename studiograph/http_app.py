"""The ASGI application of a server role, with what to do at its start and stop."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.types import ASGIApp


@dataclass(frozen=True, slots=True)
class HttpApp:
    """An ASGI application. `stop` ends its open streams before the server closes; `startup_message` is printed once it answers."""

    asgi: ASGIApp
    stop: Callable[[], Awaitable[None]]
    startup_message: list[str]
