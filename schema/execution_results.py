"""From what graphql-core gives to what a transport sends."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, TypeVar, cast

from graphql import ExecutionResult, FieldNode, OperationDefinitionNode, located_error

from schema.encoding import encode
from schema.error_masking import masked_refusal, public_error
from schema.request_errors import Code, OperationRejected, refusal

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """The body of a response. `refused` says why nothing was executed; `has_errors`, that something failed midway."""

    body: bytes
    refused: Code | None = None
    has_errors: bool = False


def refused_answer(refused: OperationRejected) -> Answer:
    """What tells a client of a refusal: errors without data."""
    return Answer(encode({"errors": refused.errors}), refused.code, has_errors=True)


def encoded(result: ExecutionResult) -> Answer:
    """The result with its errors made public. What cannot be encoded is an internal error."""
    payload: dict[str, Any] = {"data": result.data}
    if result.errors:
        payload["errors"] = [public_error(error) for error in result.errors]
    try:
        return Answer(encode(payload), has_errors=bool(result.errors))
    except TypeError as error:
        return refused_answer(masked_refusal(error))


def stream_error(operation: OperationDefinitionNode, error: Exception) -> dict[str, Any]:
    """What ended a subscription, at its root field: as GraphQL reports a field that failed."""
    nodes = [node for node in operation.selection_set.selections if isinstance(node, FieldNode)][:1]
    path = [(node.alias or node.name).value for node in nodes]
    return public_error(located_error(error, nodes, path))


async def within(seconds: float, call: Callable[[], Awaitable[T] | T]) -> T:
    """The result of `call`, awaited if need be. Raises Refused with TIMEOUT after `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            result = call()
            return await cast("Awaitable[T]", result) if isawaitable(result) else result
    except TimeoutError:
        advice = "After a mutation, read the current state before repeating it."
        raise refusal(Code.TIMEOUT, f"The operation took longer than {seconds:g} s and was stopped. {advice}") from None
