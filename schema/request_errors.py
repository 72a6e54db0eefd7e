"""The codes and the error of operations that did not begin, the same on every transport."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any


class Code(StrEnum):
    """`extensions.code` of errors that are not the domain's (those have their own, in `services.domain.errors`)."""

    BAD_REQUEST = "BAD_REQUEST"
    SYNTAX_ERROR = "SYNTAX_ERROR"
    VALIDATION_FAILED = "VALIDATION_FAILED"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    UNKNOWN_OPERATION = "UNKNOWN_OPERATION"
    INVALID_VARIABLES = "INVALID_VARIABLES"
    PERSISTED_QUERY_NOT_SUPPORTED = "PERSISTED_QUERY_NOT_SUPPORTED"
    INVALID_INPUT = "INVALID_INPUT"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    WRONG_TRANSPORT = "WRONG_TRANSPORT"
    TOO_MANY_OPERATIONS = "TOO_MANY_OPERATIONS"
    RESTARTING = "RESTARTING"
    DENIED = "DENIED"
    TIMEOUT = "TIMEOUT"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    INTERNAL = "INTERNAL"


class OperationRejected(Exception):
    """The operation was not executed; `errors` is ready for the client and `data` must be absent.

    `code` is for the transport (HTTP derives its status from it); each error carries its own in `extensions`.
    """

    def __init__(self, code: Code, errors: Sequence[dict[str, Any]]) -> None:
        super().__init__(code, errors[0]["message"])
        self.code = code
        self.errors = list(errors)


def operation_rejected(code: Code, message: str) -> OperationRejected:
    """Returns an OperationRejected with one error that has no location in the document."""
    return OperationRejected(code, [{"message": message, "extensions": {"code": code.value}}])
