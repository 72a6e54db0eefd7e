"""What HTTP answers instead of a result."""

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
    Code.UNAUTHENTICATED: 401,
    Code.TIMEOUT: 503,
    Code.INTERNAL: 500,
}
"""Of refusals of a well-formed request."""


class HTTPError(Exception):
    """Answered before an operation could be read from the request, or begin."""

    def __init__(self, status: int, refused: OperationRejected, headers: Headers | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.refused = refused
        self.headers = headers or []


class Disconnected(Exception):
    """The client went away before its request was complete."""
