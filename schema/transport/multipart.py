"""Frames multipart subscriptions as Apollo's clients read them: one response, with a part for each payload.

Rules: https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol. A part is read when the delimiter
after it has come, so each is written with the delimiter that follows it.
"""

from schema.encoding import encode
from schema.request_errors import Code, operation_rejected
from schema.transport.framing import Errors, Framing

DELIMITER = b"\r\n---"
"""Of the boundary `-`. JSON as we write it has no line break, so that no payload holds it."""
END = b"--\r\n"


def _part(body: bytes) -> bytes:
    return b"\r\nContent-Type: application/json\r\n\r\n%b%b" % (body, DELIMITER)


def _next(payload: bytes) -> bytes:
    return _part(b'{"payload":%b}' % payload)


def _failed(errors: Errors) -> bytes:
    """As errors of the transport, which Apollo Client's RetryLink retries on."""
    return _part(encode({"payload": None, "errors": errors})) + END


HEARTBEAT = _part(b"{}")

MULTIPART_SUBSCRIPTION = Framing(
    content_type=b'multipart/mixed; boundary="-"; subscriptionSpec=1.0',
    opening=DELIMITER + HEARTBEAT,
    heartbeat=HEARTBEAT,
    next=_next,
    complete=END,
    failed=_failed,
    restarting=_failed(operation_rejected(Code.RESTARTING, "The server is restarting. Connect again and resume by cursor.").errors),
)
