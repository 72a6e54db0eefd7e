"""Describes as data how a field's value follows from its row, so that a query compiler can resolve fields without resolvers."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from resolvers.batches import Load
from resolvers.context import Context


class FieldKind(StrEnum):
    """The ways in which a field below a root field gets its value."""

    ATTRIBUTE = "attribute"
    """The value is an attribute of the row."""
    DERIVED = "derived"
    """The value is a pure function of the row."""
    COMPUTED = "computed"
    """The value is a function of the row and the context. It needs no reading."""
    BATCHED = "batched"
    """The value is loaded, for all rows of a level at once."""
    PAGED = "paged"
    """As BATCHED; the value is a page of a connection."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How one field gets its value. What the viewer needs for it is the field's policy, which is checked before the plan is used."""

    kind: FieldKind
    of: str | None = None
    """The attribute of the row that the value is made or loaded from; None: the row itself."""
    pick: Callable[[Any], Any] | None = None
    """The function that makes the value: of the row's attribute or the row (DERIVED), of what was loaded (BATCHED)."""
    compute: Callable[[Any, Context], Any] | None = None
    """The function of the row and the context that makes the value of a COMPUTED field."""
    load: Load | None = None
    """The loader of a BATCHED or PAGED field. All fields with the same loader and arguments share a batch."""
    arguments: Callable[..., Hashable] | None = None
    """The function that makes the loader's arguments from the field's; its parameters are the arguments of the field, with their
    defaults. None: the field has no arguments. Raises BadArgument."""
    absent: Callable[[], Any] | None = None
    """The function that makes the value where the attribute `of` is null, so that nothing is loaded. None: the value is null too."""

    def resolve(self, row: Any, context: Context, arguments: Mapping[str, Any]) -> Any:
        """Returns the value for `row`, or a future of it. `arguments` are those of the field, by their Python names."""
        if self.load is not None:
            return self._loaded(self.load, row, context, arguments)
        if self.compute is not None:
            return self.compute(row, context)
        return self.derive(row)

    def derive(self, row: Any) -> Any:
        """Returns the value of an ATTRIBUTE or DERIVED field."""
        source = self._source(row)
        return source if self.pick is None else self.pick(source)

    def _loaded(self, load: Load, row: Any, context: Context, arguments: Mapping[str, Any]) -> Any:
        load_arguments = None if self.arguments is None else self.arguments(**arguments)
        source = self._source(row)
        if source is None:
            return None if self.absent is None else self.absent()
        return context.batches.load(load, source, load_arguments, self.pick)

    def _source(self, row: Any) -> Any:
        return row if self.of is None else getattr(row, self.of)
