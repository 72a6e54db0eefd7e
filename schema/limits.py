"""Measures operations, and limits their size, before they are validated or executed.

Each fragment is measured once and its measure reused, so that fragments which spread each other cost what they are long, not
what they expand to (limiters that walk every spread take seconds for n = 20). Unknown names are left to validation.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from schema.document_size import DEFAULT_BOUNDS

PAGE_ARGUMENTS = ("first", "last")
INTROSPECTION = ("__schema", "__type")
MAX_DIGITS = 18
"""The digits of a page size. Longer numbers are beyond every limit, and Python does not parse thousands of digits."""
MAX_NESTING = 100
"""The nesting of selections and fragments together, which bounds the stack that measuring needs."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one operation; each operation of a document is measured. Times are in seconds, lengths in code points."""

    depth: int = 12  # a connection takes two levels
    introspection_depth: int = 20  # tools ask for nine levels of ofType
    fields: int = 600
    aliases: int = 30
    root_fields: int = 10
    directives: int = 20
    cost: int = 10_000  # objects, about; graphql-core takes some 10 to 20 us for each of them and holds the loop meanwhile
    default_page: int = 20  # what a list with `first` gives when it is not stated
    assumed_list: int = 10  # items in a list that has no `first`
    introspection_cost: int = 1_000
    document: Mapping[str, int] = field(default_factory=lambda: DEFAULT_BOUNDS)  # of the whole document, as it is written
    source_length: int = 50_000
    tokens: int = 4_000
    comments: int = 200
    query_seconds: float = 10.0
    mutation_seconds: float = 30.0


class Measure(NamedTuple):
    """Of a selection set, everything spread into it included. `width` counts its own fields, without what is below them."""

    depth: int = 0
    introspection_depth: int = 0
    fields: int = 0
    width: int = 0
    aliases: int = 0
    directives: int = 0
    cost: int = 0

    def beside(self, other: "Measure") -> "Measure":
        return Measure(max(self[0], other[0]), max(self[1], other[1]), *(a + b for a, b in zip(self[2:], other[2:], strict=True)))


class TooDeep(Exception):
    """Selections and fragments nest beyond MAX_NESTING."""


class Measurer:
    """Measures one operation of a document.

    `variables` are the coerced values of a request, as execution will use them; without them the measured cost means nothing if
    `cost_variables`, the names of the variables that it depends on, is not empty.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        limits: Limits,
        variables: Mapping[str, Any] | None = None,
    ) -> None:
        self.schema = schema
        self.operation = operation
        self.limits = limits
        self.variables = variables or {}
        self.cost_variables: set[str] = set()
        self._fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
        self._measured: dict[tuple[str, bool], Measure] = {}

    def measure(self) -> Measure:
        """Raises TooDeep."""
        root = self.schema.get_root_type(self.operation.operation)
        return self._selections(self.operation.selection_set, root, False, 0).beside(_directives(self.operation))

    def _selections(self, node: SelectionSetNode, parent: GraphQLNamedType | None, paged: bool, nesting: int) -> Measure:
        if nesting > MAX_NESTING:
            raise TooDeep
        total = Measure()
        for selection in node.selections:
            total = total.beside(_directives(selection))
            if isinstance(selection, FieldNode):
                total = total.beside(self._field(selection, parent, paged, nesting + 1))
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                of = self.schema.get_type(condition.name.value) if condition else parent
                total = total.beside(self._selections(selection.selection_set, of, paged, nesting + 1))
            elif isinstance(selection, FragmentSpreadNode):
                total = total.beside(self._spread(selection.name.value, paged, nesting + 1))
        return total

    def _spread(self, name: str, paged: bool, nesting: int) -> Measure:
        fragment = self._fragments.get(name)
        if fragment is None:
            return Measure()
        key = name, paged
        if key not in self._measured:
            self._measured[key] = Measure()  # what a cycle counts for; validation refuses it
            of = self.schema.get_type(fragment.type_condition.name.value)
            self._measured[key] = self._selections(fragment.selection_set, of, paged, nesting)
        return self._measured[key]

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None, paged: bool, nesting: int) -> Measure:
        own = Measure(fields=1, width=1, depth=1, aliases=1 if node.alias else 0)
        if node.selection_set is None:
            return own
        definition = self._definition(node, parent)
        of = get_named_type(definition.type) if definition else None
        items, connection = self._items(node, definition, paged)
        below = self._selections(node.selection_set, of, connection, nesting)
        cost = 1 + items * below.cost if connection else items * (1 + below.cost)
        inside = below._replace(width=0, depth=below.depth + 1, cost=cost)
        if node.name.value in INTROSPECTION:
            inside = inside._replace(depth=0, introspection_depth=inside.depth, cost=self.limits.introspection_cost)
        return own.beside(inside)

    def _definition(self, node: FieldNode, parent: GraphQLNamedType | None) -> GraphQLField | None:
        return parent.fields.get(node.name.value) if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType) else None

    def _items(self, node: FieldNode, definition: GraphQLField | None, paged: bool) -> tuple[int, bool]:
        """Returns the number of objects that a field returns, and whether it is a connection, which contains them, or a list of them."""
        if definition is None:
            return 1, False
        is_list = _is_list(definition.type)
        for name in PAGE_ARGUMENTS:
            if name in definition.args:
                return self._page(node, definition, name), not is_list
        if not is_list or paged:
            return 1, False
        lists = [name for name, argument in definition.args.items() if _is_list(argument.type)]
        return prod(self._length(node, name) for name in lists) if lists else self.limits.assumed_list, False

    def _page(self, node: FieldNode, definition: GraphQLField, name: str) -> int:
        value_node = _argument(node, name)
        value = _number(value_node) if isinstance(value_node, IntValueNode) else self._variable(value_node)
        if isinstance(value, int):
            return max(0, value)
        default = definition.args[name].default_value
        return default if isinstance(default, int) else self.limits.default_page

    def _length(self, node: FieldNode, name: str) -> int:
        """Returns the number of values of a list argument. A value that is not a list is coerced to a list of one."""
        value_node = _argument(node, name)
        if isinstance(value_node, ListValueNode):
            return len(value_node.values)
        value = self._variable(value_node)
        return len(value) if isinstance(value, list) else 1

    def _variable(self, value_node: ValueNode | None) -> Any:
        """Returns the value of a variable, and notes that the cost depends on it; None if the node is not a variable."""
        if not isinstance(value_node, VariableNode):
            return None
        self.cost_variables.add(value_node.name.value)
        return self.variables.get(value_node.name.value)


def _is_list(declared: GraphQLInputType | GraphQLOutputType) -> bool:
    return is_list_type(get_nullable_type(declared))


def _argument(node: FieldNode, name: str) -> ValueNode | None:
    return next((argument.value for argument in node.arguments or () if argument.name.value == name), None)


def _number(node: IntValueNode) -> int:
    """Returns the number; for one with more than MAX_DIGITS digits, a number beyond every limit."""
    return int(node.value) if len(node.value) <= MAX_DIGITS else 10**MAX_DIGITS


def _directives(node: OperationDefinitionNode | SelectionNode) -> Measure:
    return Measure(directives=len(node.directives or ()))


def excess(measure: Measure, limits: Limits) -> list[str]:
    """Returns a message for each limit that the measure exceeds. The cost is separate, since it may depend on variables."""
    measures = [
        ("levels deep", measure.depth, limits.depth),
        ("levels of introspection deep", measure.introspection_depth, limits.introspection_depth),
        ("fields, fragments expanded", measure.fields, limits.fields),
        ("fields at the root", measure.width, limits.root_fields),
        ("aliases", measure.aliases, limits.aliases),
        ("directives", measure.directives, limits.directives),
    ]
    return [_too_much(unit, measured, limit) for unit, measured, limit in measures if measured > limit]


def excess_cost(measure: Measure, limits: Limits) -> list[str]:
    """Returns a message if the measure exceeds the limit of the cost."""
    return [_too_much("objects, by its page sizes", measure.cost, limits.cost)] if measure.cost > limits.cost else []


def _too_much(unit: str, measured: int, limit: int) -> str:
    shown = str(measured) if measured < 1_000_000 else "more than a million"
    return f"The operation is too large: {shown} {unit}; the limit is {limit}. Request less."
