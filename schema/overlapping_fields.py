"""The rule that fields with one response name can be merged, in time that grows with the fields and not with their pairs.

Sets of fields are compared as a whole: those with one response name are grouped, each is compared with the first of its group, and
their selections are merged into the next set (the algorithm of Sangria: https://sangria-graphql.github.io/, "fast query validation").
Follows https://spec.graphql.org/draft/#sec-Field-Selection-Merging.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationContext,
    ValidationRule,
    ValueNode,
    get_named_type,
    is_composite_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    print_ast,
)

from schema.limits import MAX_NESTING
from schema.request_errors import Code, operation_rejected

MAX_STEPS = 10_000
"""Fields that are visited for one document. Fields of interfaces are visited again for each type that they meet on every level, which a
document can be made to repeat; a step takes 2 to 3 us."""


class SelectedField(NamedTuple):
    """A field as it stands in a selection set, with the type that it is selected on and its definition, if those exist."""

    node: FieldNode
    parent: GraphQLNamedType | None
    definition: GraphQLField | None


@dataclass(frozen=True, slots=True)
class SelectionLevel:
    """A selection set, and the type that it is selected on. Equal levels select the same fields."""

    selections: SelectionSetNode
    parent: GraphQLNamedType | None

    @property
    def key(self) -> tuple[int, str]:
        return id(self.selections), self.parent.name if self.parent else ""


class OverlappingFieldsRule(ValidationRule):
    """Checks each operation, its fragments expanded. Raises OperationRejected with LIMIT_EXCEEDED after MAX_STEPS."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._checked: set[tuple[bool, frozenset[tuple[int, str]]]] = set()
        self._steps = 0

    def enter_operation_definition(self, node: OperationDefinitionNode, *_args: Any) -> None:
        root = self.context.schema.get_root_type(node.operation)
        self._check([SelectionLevel(node.selection_set, root)], same_fields=True)

    def _check(self, levels: Sequence[SelectionLevel], *, same_fields: bool, depth: int = 0) -> None:
        """Checks the fields of all levels as one set.

        With `same_fields` those that one object can have must be the same field with the same arguments; otherwise they belong to
        different objects, and only their types must agree.
        """
        key = same_fields, frozenset(level.key for level in levels)
        if key in self._checked or depth > MAX_NESTING:  # deeper are only cycles of fragments, which another rule refuses
            return
        self._checked.add(key)
        groups: dict[str, list[SelectedField]] = {}
        for selected in self._selected(levels):
            groups.setdefault((selected.node.alias or selected.node.name).value, []).append(selected)
        for name, group in groups.items():
            if self._agree(name, group, _shape, "they return conflicting types"):
                self._check_group(name, group, same_fields=same_fields, depth=depth + 1)

    def _check_group(self, name: str, group: list[SelectedField], *, same_fields: bool, depth: int) -> None:
        classes = _of_one_object(group) if same_fields else []
        for fields in classes:
            if self._agree(name, fields, _field_name, "they are different fields") and self._agree(
                name, fields, _arguments, "they have differing arguments"
            ):
                self._check(_below(fields), same_fields=True, depth=depth)
        if len(classes) != 1:
            self._check(_below(group), same_fields=False, depth=depth)

    def _agree(self, name: str, group: Sequence[SelectedField], property_of: Callable[[SelectedField], object], reason: str) -> bool:
        """Whether all of a group have the property of the first; reports the first one that has not. Unknown fields agree with any."""
        known = [selected for selected in group if selected.definition is not None]
        if len(known) < 2:
            return True
        first = property_of(known[0])
        for other in known[1:]:
            if property_of(other) != first:
                message = f"Fields '{name[:80]}' conflict because {reason}. Use different aliases on the fields to fetch both."
                self.report_error(GraphQLError(message, [known[0].node, other.node]))
                return False
        return True

    def _selected(self, levels: Iterable[SelectionLevel]) -> Iterator[SelectedField]:
        """Yields the fields of the levels, those of fragments included, each once."""
        seen: set[tuple[int, str]] = set()
        pending = list(reversed(list(levels)))
        while pending:
            level = pending.pop()
            if level.key in seen:
                continue
            seen.add(level.key)
            for selection in level.selections.selections:
                self._step()
                if isinstance(selection, FieldNode):
                    yield SelectedField(selection, level.parent, self._definition(level.parent, selection.name.value))
                elif isinstance(selection, InlineFragmentNode):
                    condition = selection.type_condition
                    pending.append(SelectionLevel(selection.selection_set, self._type(condition.name.value) if condition else level.parent))
                elif isinstance(selection, FragmentSpreadNode):
                    fragment = self.context.get_fragment(selection.name.value)
                    if fragment is not None:
                        pending.append(SelectionLevel(fragment.selection_set, self._type(fragment.type_condition.name.value)))

    def _definition(self, parent: GraphQLNamedType | None, name: str) -> GraphQLField | None:
        return self.context.schema.get_field(parent, name) if is_composite_type(parent) else None

    def _type(self, name: str) -> GraphQLNamedType | None:
        return self.context.schema.get_type(name)

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise operation_rejected(
                Code.LIMIT_EXCEEDED, "The document's fields overlap in too many ways. Use fewer fragments and aliases."
            )


def _of_one_object(group: list[SelectedField]) -> list[list[SelectedField]]:
    """Splits a group by the object types that the fields are selected on. Fields of other types may belong to each of those."""
    objects: dict[str, list[SelectedField]] = {}
    others = []
    for selected in group:
        if isinstance(selected.parent, GraphQLObjectType):
            objects.setdefault(selected.parent.name, []).append(selected)
        else:
            others.append(selected)
    return [fields + others for fields in objects.values()] or [others]


def _below(group: Iterable[SelectedField]) -> list[SelectionLevel]:
    levels = {}
    for selected in group:
        if selected.node.selection_set is not None:
            level = SelectionLevel(selected.node.selection_set, get_named_type(selected.definition.type) if selected.definition else None)
            levels[level.key] = level
    return list(levels.values())


def _field_name(selected: SelectedField) -> str:
    return selected.node.name.value


def _arguments(selected: SelectedField) -> list[Any]:
    """The arguments in a form that is equal for equal values; the order of names does not matter."""
    return sorted((argument.name.value, _value(argument.value)) for argument in selected.node.arguments or ())


def _value(node: ValueNode) -> str:
    if isinstance(node, ListValueNode):
        return f"[{','.join(_value(item) for item in node.values)}]"
    if isinstance(node, ObjectValueNode):
        return "{" + ",".join(sorted(f"{field.name.value}:{_value(field.value)}" for field in node.fields)) + "}"
    return print_ast(node)


def _shape(selected: SelectedField) -> str:
    assert selected.definition is not None
    return _shape_of(selected.definition.type)


def _shape_of(declared: GraphQLOutputType) -> str:
    """The type as a response shows it: its lists and nulls, and its name if it is a scalar or an enum."""
    if is_non_null_type(declared):
        return _shape_of(declared.of_type) + "!"
    if is_list_type(declared):
        return f"[{_shape_of(declared.of_type)}]"
    return str(declared) if is_leaf_type(declared) else "object"
