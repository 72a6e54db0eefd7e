"""Running the command of a mutation: to its end, once it has begun, and with its domain errors as answers."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from resolvers.context import Context
from resolvers.error_rows import failure_row
from services.domain.errors import DomainError, InvalidInput, Problem

T = TypeVar("T")


async def answer(
    context: Context, command: Callable[[], Coroutine[Any, Any, T]], payload: Callable[[Context, T], Awaitable[object]]
) -> Any:
    """The row that `payload` reads after `command`, or that of the domain error which either raised. Anything else goes to the masker."""
    try:
        return await payload(context, await to_the_end(command()))
    except DomainError as error:
        return await failure_row(context, error)


async def to_the_end(command: Coroutine[Any, Any, T]) -> T:
    """A command that has begun is never cut in two: a time limit ends the waiting, not the work."""
    task = asyncio.create_task(command)
    try:
        return await asyncio.shield(task)
    finally:
        _keep(task)


_unfinished: set[asyncio.Task[Any]] = set()


def _keep(task: asyncio.Task[Any]) -> None:
    if not task.done():
        _unfinished.add(task)
        task.add_done_callback(_forget)


def _forget(task: asyncio.Task[Any]) -> None:
    _unfinished.discard(task)
    task.cancelled() or task.exception()


CONFIGURATION = frozenset({"cpu", "memory_mib", "gpu", "lifespan_hours", "env_vars"})


async def within(field: str, command: Coroutine[Any, Any, T]) -> T:
    """Run `command`; the problems it finds with a configuration stand below `field` in the API's input."""
    try:
        return await command
    except InvalidInput as error:
        raise InvalidInput(
            [_below(field, problem) if problem.field[0] in CONFIGURATION else problem for problem in error.problems]
        ) from None


def _below(field: str, problem: Problem) -> Problem:
    return Problem((field, *problem.field), problem.code, problem.message)
