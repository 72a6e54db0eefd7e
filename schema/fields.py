"""The kinds of fields there are (docs/architecture.md#speed). Everything below a root field is one of these:

- a plain attribute of the row (`strawberry.field(description=...)`), or one worked out of the row alone (`derived`, `node_id`);
- one worked out of the row and the context without waiting (`computed`);
- one that is loaded for all objects of a level at once (`batched`, `paged`).
"""

from collections.abc import Callable
from typing import Annotated, Any

import strawberry
from strawberry.types.field import StrawberryField

from resolvers.batches import Load
from resolvers.context import Context
from resolvers.pagination import DEFAULT_FIRST, MAX_FIRST, page_arguments
from schema.authorized import Info, check
from schema.field_policies import Mark, Policy, described, metadata
from schema.ids import encode
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


class Derived(StrawberryField):
    """A field worked out of its row by a pure function; as cheap as an attribute, since it needs no `info`."""

    derive: Callable[[Any], Any]

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: Any) -> Any:
        return self.derive(source)

    def __copy__(self) -> "Derived":
        copied: Derived = super().__copy__()
        copied.derive = self.derive
        return copied


def derived(derive: Callable[[Any], Any], description: str, *, name: str | None = None, marks: tuple[Mark, ...] = ()) -> Any:
    """A field that is a pure function of its row."""
    field = Derived(graphql_name=name, description=described(description, marks), metadata=metadata(None, marks))
    field.derive = derive
    return field


def node_id(type_name: str, description: str = "The globally unique id of the object. It never changes.", *, attribute: str = "id") -> Any:
    """The global id of the `type_name` whose row id is in the row's `attribute`."""
    return derived(lambda row: encode(type_name, getattr(row, attribute)), description)


def computed(compute: Callable[[Any, Context], Any], description: str, *, marks: tuple[Mark, ...]) -> Any:
    """A field that is a function of its row and the context; no waiting, no reading."""

    def resolve(root: Any, info: Info) -> Any:
        return compute(root, info.context)

    return _field(resolve, description, None, marks)


def attribute(description: str, *, name: str | None = None, marks: tuple[Mark, ...] = ()) -> Any:
    """A plain attribute of the row."""
    return strawberry.field(name=name, description=described(description, marks), metadata=metadata(None, marks))


def batched(
    load: Load,
    description: str,
    *,
    of: str | None = None,
    pick: Callable[[Any], Any] | None = None,
    absent: Callable[[], Any] | None = None,
    requires: Policy = Permission.WORKSPACE_READ,
    marks: tuple[Mark, ...] = (),
) -> Any:
    """A field that `load` gives for all objects of a level at once.

    `of` names the row's attribute that is handed to `load` (null there = what `absent` makes, or null); without it, the row is. All
    fields with the same `load` share a batch, and `pick` takes a field's part of what was loaded.
    """

    def resolve(root: Any, info: Info) -> Any:
        check(info.context, requires)
        key = root if of is None else getattr(root, of)
        if key is None:
            return absent() if absent else None
        return info.context.batches.load(load, key, None, pick)

    return _field(resolve, description, requires, marks)


def paged(
    load: Load,
    description: str,
    *,
    of: str = "id",
    requires: Policy = Permission.WORKSPACE_READ,
    marks: tuple[Mark, ...] = (),
) -> Any:
    """A connection without arguments of its own; `load` gets the row's attribute `of`, and `PageArguments`."""

    def resolve(root: Any, info: Info, first: First = DEFAULT_FIRST, after: After = strawberry.UNSET) -> Any:
        check(info.context, requires)
        return info.context.batches.load(load, getattr(root, of), page_arguments(first, after))

    return _field(resolve, description, requires, marks)


def _field(resolve: Callable[..., Any], description: str, requires: Policy | None, marks: tuple[Mark, ...]) -> Any:
    return strawberry.field(resolver=resolve, description=described(description, marks), metadata=metadata(requires, marks))


def exactly(row: type) -> Any:
    """`is_type_of` for a type that is shown from rows of this very class."""

    def is_type_of(value: Any, _info: Any = None) -> bool:
        return type(value) is row

    return is_type_of
