"""How a mutation is made: a description, who may, the input, the command of a service, and what is read afterwards. All of it data."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import strawberry

from resolvers.context import Context
from resolvers.mutations import answer
from schema.authorized import Info
from schema.field_metadata import Policy, metadata, with_requirement
from services.domain.access import Viewer

if TYPE_CHECKING:
    from services.services import Services

I = TypeVar("I")  # noqa: E741 - the input
T = TypeVar("T")
Command = Callable[["Services", Viewer, I], Coroutine[Any, Any, T]]
Payload = Callable[[Context, T], Awaitable[object]]


def mutation(description: str, requires: Policy, takes: type[I], command: Command[I, T], payload: Payload[T]) -> Any:
    """A field of the root type. The service asks for the right itself, since only it knows the workspace: `requires` says which one."""

    async def resolve(root: Any, info: Info, given: Any) -> Any:
        context = info.context
        return await answer(context, lambda: command(context.services, context.viewer, given), payload)

    resolve.__annotations__["given"] = Annotated[
        takes, strawberry.argument(name="input", description=f"The values for this mutation; `{takes.__name__}` describes them.")
    ]
    return strawberry.mutation(resolver=resolve, description=with_requirement(description, requires), metadata=metadata(requires, ()))
