"""How payloads are told apart on one long response."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Errors = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Framing:
    """What is written for each thing that happens to a stream. `failed` and `restarting` are the last words, `complete` included."""

    content_type: bytes
    opening: bytes  # goes out with the headers, so that proxies and browsers pass these on
    heartbeat: bytes
    next: Callable[[bytes], bytes]  # of an encoded payload, which any number of subscribers may share
    complete: bytes
    failed: Callable[[Errors], bytes]  # the server ends it: errors of the stream, not of the operation
    restarting: bytes  # so does it here, and the client is to come back
