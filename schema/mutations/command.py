"""Builds the fields of the root type Mutation: input -> request -> command -> result -> payload, or a typed error."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

import strawberry

from resolvers.context import Context
from resolvers.error_rows import InputPath, error_row
from schema.authorized import Info
from schema.field_metadata import Policy, metadata, with_requirement
from schema.inputs.field_paths import input_path
from schema.root_value import RootValue
from services.domain.access import Viewer
from services.domain.errors import DomainError
from services.runtime import metrics

if TYPE_CHECKING:
    from services.services import Services

Request = TypeVar("Request")
RequestOut = TypeVar("RequestOut", covariant=True)
Result = TypeVar("Result")
Command = Callable[[Viewer, Request], Coroutine[Any, Any, Result]]
"""A method of a service: carries out a request of a viewer."""
Payload = Callable[[Context, Result], Awaitable[object]]
"""Reads the row of a mutation's payload after the command."""


class RequestInput(Protocol[RequestOut]):
    """An input type of the API."""

    def request(self) -> RequestOut:
        """Returns the request of the services. Raises NotFound for an id that is none, and InvalidInput."""
        ...


def mutation(
    description: str,
    requires: Policy,
    takes: type[RequestInput[Request]],
    command: Callable[["Services"], Command[Request, Result]],
    payload: Payload[Result],
    *,
    path: InputPath = input_path,
) -> Any:
    """Returns a field of the root type whose input is a `takes`.

    The command checks the right, since only it knows the workspace: `requires` says which one. A command that has begun is finished,
    even if the client goes away or the time limit passes. `path` translates the field paths of errors.
    """

    async def resolve(root: RootValue, info: Info, values: Any) -> Any:
        context = info.context
        try:
            run = command(context.services)
            result = await root.commands.run(run(context.viewer, values.request()), name=f"command of {info.field_name}")
            return await payload(context, result)
        except DomainError as error:
            metrics.COMMAND_ERRORS.labels(error.code).inc()
            return await error_row(context, error, path)

    argument = strawberry.argument(name="input", description=f"The values for this mutation; `{takes.__name__}` describes them.")
    resolve.__annotations__["values"] = Annotated[takes, argument]
    return strawberry.mutation(resolver=resolve, description=with_requirement(description, requires), metadata=metadata(requires, ()))
