"""The errors that HTTP answers with before an operation begins, and their status codes."""

from schema.request_errors import Code, OperationRejected

Headers = list[tuple[bytes, bytes]]

STATUS = {
    Code.BAD_REQUEST: 422,
    Code.SYNTAX_ERROR: 400,
    Code.VALIDATION_FAILED: 422,
    Code.LIMIT_EXCEEDED: 422,
    Code.UNKNOWN_OPERATION: 422,
    Code.INVALID_VARIABLES: 422,
    Code.WRONG_TRANSPORT: 422,
    Code.PERSISTED_QUERY_NOT_SUPPORTED: 200,  # as Apollo Server answers it: clients send the whole query then
    Code.UNAUTHENTICATED: 401,
    Code.TIMEOUT: 503,
    Code.SERVICE_UNAVAILABLE: 503,
    Code.INTERNAL: 500,
}
"""The status codes of rejections of well-formed requests."""

RETRY_AFTER: Headers = [(b"retry-after", b"5")]
"""The header that tells clients to wait 5 seconds."""


class HTTPError(Exception):
    """A response with an error status, sent before the operation of the request began."""

    def __init__(self, status: int, rejection: OperationRejected, headers: Headers | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.rejection = rejection
        self.headers = headers or []


class Disconnected(Exception):
    """The client disconnected before its request was complete."""
