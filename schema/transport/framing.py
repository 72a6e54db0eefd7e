"""Defines how the payloads of a stream are separated in one HTTP response."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Errors = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Framing:
    """The bytes to write for each event of a stream. `failed` and `restarting` end the response, and include `complete`."""

    content_type: bytes
    opening: bytes  # goes out with the headers, so that proxies and browsers pass these on
    heartbeat: bytes
    next: Callable[[bytes], bytes]  # of an encoded payload, which any number of subscribers may share
    complete: bytes
    failed: Callable[[Errors], bytes]  # the server ends it: errors of the stream, not of the operation
    restarting: bytes  # the server ends it, and the client connects again
