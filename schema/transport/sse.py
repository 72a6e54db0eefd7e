"""Frames GraphQL over server-sent events, in distinct connections mode: a response for each operation.

Rules: https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md. JSON as we write it has no line break, so that a payload is one
`data` line. Events carry no `id`: cursors are data, in the frames of those subscriptions that can go on after one.
"""

from schema.encoding import encode
from schema.transport.framing import Errors, Framing

COMMENT = b":\n\n"
COMPLETE = b"event: complete\ndata:\n\n"
"""With its empty `data`, without which a browser's EventSource would drop the event."""
RESTARTING = b": the server is restarting, connect again\n\n"


def _next(payload: bytes) -> bytes:
    return b"event: next\ndata: %b\n\n" % payload


def _failed(errors: Errors) -> bytes:
    return _next(encode({"errors": errors})) + COMPLETE


SSE = Framing(
    content_type=b"text/event-stream; charset=utf-8",
    opening=COMMENT,
    heartbeat=COMMENT,
    next=_next,
    complete=COMPLETE,
    failed=_failed,
    restarting=RESTARTING,  # and no `complete`: clients take an end without it for a lost connection, and come back
)
