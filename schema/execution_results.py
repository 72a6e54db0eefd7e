"""Turns the results of graphql-core into what transports send."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, TypeVar, cast

from graphql import ExecutionResult, FieldNode, OperationDefinitionNode, located_error

from schema.encoding import encode
from schema.error_masking import masked_rejection, outage, public_error
from schema.request_errors import Code, OperationRejected, operation_rejected

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """The body of a response. `rejection_code` is set if nothing was executed; `has_errors` if there are errors beside or without data."""

    body: bytes
    rejection_code: Code | None = None
    has_errors: bool = False


def rejected_answer(rejection: OperationRejected) -> Answer:
    """Returns the answer to a rejected operation: errors without data."""
    return Answer(encode({"errors": rejection.errors}), rejection.code, has_errors=True)


def encoded(result: ExecutionResult) -> Answer:
    """Returns the encoded result with its public errors. A result that cannot be encoded becomes an internal error.

    If the database was not available for a part of it, the whole operation is rejected, so that clients repeat it.
    """
    cause = outage(result.errors or ())
    if cause is not None:
        return rejected_answer(masked_rejection(cause))
    payload: dict[str, Any] = {"data": result.data}
    if result.errors:
        payload["errors"] = [public_error(error) for error in result.errors]
    try:
        return Answer(encode(payload), has_errors=bool(result.errors))
    except TypeError as error:
        return rejected_answer(masked_rejection(error))


def stream_error(operation: OperationDefinitionNode, error: Exception) -> dict[str, Any]:
    """Returns the error that ended a subscription, at the path of its root field."""
    nodes = [node for node in operation.selection_set.selections if isinstance(node, FieldNode)][:1]
    path = [(node.alias or node.name).value for node in nodes]
    return public_error(located_error(error, nodes, path))


async def within(seconds: float, call: Callable[[], Awaitable[T] | T]) -> T:
    """Returns the result of `call`, awaited if necessary. Raises OperationRejected with TIMEOUT after `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            result = call()
            return await cast("Awaitable[T]", result) if isawaitable(result) else result
    except TimeoutError:
        advice = "After a mutation, read the current state before repeating it."
        raise operation_rejected(Code.TIMEOUT, f"The operation took longer than {seconds:g} s and was stopped. {advice}") from None
