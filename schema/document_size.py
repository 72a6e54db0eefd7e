"""Counts what is written in a document, used or not, in one walk: what is too long for validation is refused before it.

`schema.limits` measures operations, with fragments expanded. The rules of validation also visit what no operation uses.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from graphql import (
    ConstDirectiveNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    ValueNode,
    VariableDefinitionNode,
)

COUNTED: Mapping[str, str] = MappingProxyType(
    {
        "definition": "operations and fragments",
        "variable": "variables",
        "field": "fields",
        "fragment": "uses of fragments",
        "directive": "directives",
        "value": "values",
    }
)
"""What is counted, and how messages name it."""

KINDS: Mapping[type[Node], str] = MappingProxyType(
    {
        OperationDefinitionNode: "definition",
        FragmentDefinitionNode: "definition",
        VariableDefinitionNode: "variable",
        FieldNode: "field",
        FragmentSpreadNode: "fragment",
        InlineFragmentNode: "fragment",
        DirectiveNode: "directive",
        ConstDirectiveNode: "directive",
    }
)
CHILDREN = ("selection_set", "selections", "variable_definitions", "directives", "arguments", "default_value", "value", "values", "fields")
"""The attributes of nodes that hold the nodes below them; types and names, which have no size, are left out."""

DEFAULT_BOUNDS: Mapping[str, int] = MappingProxyType(
    {"definition": 100, "variable": 100, "field": 800, "fragment": 300, "directive": 60, "value": 600}
)
"""The largest numbers in one document: more than clients write, and validated in 50 ms."""


def excess_size(document: DocumentNode, bounds: Mapping[str, int]) -> list[str]:
    """Returns what goes beyond the bounds, in words for the client."""
    counts = Counter(_kinds(document))
    return [
        f"The document is too large: it has {counts[kind]} {COUNTED[kind]}; the limit is {bound}. Send several documents."
        for kind, bound in bounds.items()
        if counts[kind] > bound
    ]


def _kinds(document: DocumentNode) -> Iterator[str]:
    """Yields the kind of each node that counts."""
    nodes: list[Node] = list(document.definitions)
    while nodes:
        node = nodes.pop()
        kind = "value" if isinstance(node, ValueNode) else KINDS.get(type(node))
        if kind is not None:
            yield kind
        for name in CHILDREN:
            below = getattr(node, name, None)
            if isinstance(below, Node):
                nodes.append(below)
            elif isinstance(below, tuple | list):
                nodes.extend(below)
