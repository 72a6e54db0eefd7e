"""Builds the fields below root fields, of the kinds that `schema.plans.FieldKind` lists (docs/architecture.md#speed)."""

import inspect
from collections.abc import Callable, Hashable
from functools import partial
from typing import Annotated, Any

import strawberry
from strawberry.types.field import StrawberryField

from resolvers.batches import Load
from resolvers.context import Context
from resolvers.pagination import DEFAULT_FIRST, MAX_FIRST, PageArguments, page_arguments
from schema.authorized import Info, check
from schema.field_metadata import PLAN, Mark, Policy, described, metadata
from schema.ids import encode
from schema.plans import FieldKind, Plan
from schema.scalars import Cursor
from services.domain.access import Permission

First = Annotated[
    int | None, strawberry.argument(description=f"The maximum number of items: 1 to {MAX_FIRST}. If omitted or null: {DEFAULT_FIRST}.")
]
After = Annotated[
    Cursor | None,
    strawberry.argument(
        description="The cursor of an edge: items after it are returned. If omitted or null, the list begins with its first item."
    ),
]


def page(first: First = DEFAULT_FIRST, after: After = strawberry.UNSET) -> PageArguments:
    """Returns the arguments of a connection that has no arguments but these. Raises BadArgument."""
    return page_arguments(first, after)


class DerivedField(StrawberryField):
    """A field that needs nothing but its row, so that Strawberry resolves it as cheaply as an attribute, without `info`."""

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: Any) -> Any:
        plan: Plan = self.metadata[PLAN]
        return plan.derive(source)


def attribute(description: str, *, name: str | None = None, marks: tuple[Mark, ...] = ()) -> Any:
    """Returns a field that is an attribute of its row. `name` is its name in the API where that is not the camel case of the attribute."""
    plan = Plan(FieldKind.ATTRIBUTE)  # `plan_of` adds the attribute's name, which only the class body knows
    return strawberry.field(name=name, description=described(description, marks), metadata=metadata(None, marks, plan))


def derived(pick: Callable[[Any], Any], description: str, *, of: str | None = None) -> Any:
    """Returns a field that is a pure function of its row, or of the row's attribute `of`."""
    plan = Plan(FieldKind.DERIVED, of=of, pick=pick)
    return DerivedField(description=description, metadata=metadata(None, (), plan))


def node_id(type_name: str, description: str = "The globally unique id of the object. It never changes.", *, attribute: str = "id") -> Any:
    """Returns the field of the global id of the `type_name` whose row id is in the row's `attribute`."""
    return derived(partial(encode, type_name), description, of=attribute)


def computed(compute: Callable[[Any, Context], Any], description: str, *, marks: tuple[Mark, ...]) -> Any:
    """Returns a field that is a function of its row and the context. The function must not wait or read."""
    return _planned(Plan(FieldKind.COMPUTED, compute=compute), description, None, marks)


def batched(
    load: Load,
    description: str,
    *,
    of: str | None = None,
    pick: Callable[[Any], Any] | None = None,
    absent: Callable[[], Any] | None = None,
    arguments: Callable[..., Hashable] | None = None,
    requires: Policy = Permission.WORKSPACE_READ,
    marks: tuple[Mark, ...] = (),
) -> Any:
    """Returns a field that `load` gives for all rows of a level at once. `schema.plans.Plan` explains the parameters."""
    plan = Plan(FieldKind.BATCHED, of=of, pick=pick, load=load, arguments=arguments, absent=absent)
    return _planned(plan, description, requires, marks)


def paged(
    load: Load,
    description: str,
    *,
    of: str | None = "id",
    arguments: Callable[..., Hashable] = page,
    requires: Policy = Permission.WORKSPACE_READ,
    marks: tuple[Mark, ...] = (),
) -> Any:
    """Returns a field that is a connection: `load` gives a page for each row. `arguments` is for connections with further arguments."""
    return _planned(Plan(FieldKind.PAGED, of=of, load=load, arguments=arguments), description, requires, marks)


def _planned(plan: Plan, description: str, requires: Policy | None, marks: tuple[Mark, ...]) -> Any:
    """Returns a field that resolves by its plan, and whose arguments are the parameters of the plan's function `arguments`."""

    def resolve(root: Any, info: Info, **arguments: Any) -> Any:
        if requires is not None:
            check(info.context, requires)
        return plan.resolve(root, info.context, arguments)

    parameters = [] if plan.arguments is None else inspect.signature(plan.arguments).parameters.values()
    root, info, _ = inspect.signature(resolve).parameters.values()
    resolve.__signature__ = inspect.Signature([root, info, *parameters])  # type: ignore[attr-defined]  # inspect reads it; typeshed lacks it
    return strawberry.field(resolver=resolve, description=described(description, marks), metadata=metadata(requires, marks, plan))


def exactly(row: type) -> Any:
    """Returns the `is_type_of` of a type whose rows are instances of `row` itself."""

    def is_type_of(value: Any, _info: Any = None) -> bool:
        return type(value) is row

    return is_type_of
