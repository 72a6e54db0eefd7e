"""What a role serves over HTTP."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.types import ASGIApp


@dataclass(frozen=True, slots=True)
class Served:
    """`stop` ends open streams in good order before the server closes; `announcement` is printed once it answers."""

    asgi: ASGIApp
    stop: Callable[[], Awaitable[None]]
    announcement: list[str]
