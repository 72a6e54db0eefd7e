"""Executes selections by nothing but the types of the schema and the plans of their fields, as a compiler of queries would."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    InlineFragmentNode,
    SelectionSetNode,
    get_argument_values,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import convert_arguments

from resolvers.context import Context
from schema.build import core_schema
from schema.field_metadata import plan_of
from tests.read.asking import SCHEMA


@dataclass(frozen=True, slots=True)
class PlanExecutor:
    """Executes for the viewer of a context. Fields with arguments take literals; there are no variables.

    `resolved` collects the names of the fields that were resolved, such as `Studio.name`.
    """

    context: Context
    resolved: set[str] = field(default_factory=set)

    async def execute(self, kind: GraphQLObjectType, row: Any, selections: SelectionSetNode) -> dict[str, Any]:
        """The selected fields of a row that is shown as `kind`, by their names in the response."""
        nodes = {(node.alias or node.name).value: node for node in fields_of(selections, kind)}
        values = await asyncio.gather(*(self._field(kind, row, node) for node in nodes.values()))
        return dict(zip(nodes, values, strict=True))

    async def _field(self, kind: GraphQLObjectType, row: Any, node: FieldNode) -> Any:
        if node.name.value == "__typename":
            return kind.name
        definition = kind.fields[node.name.value]
        plan = plan_of(definition)
        assert plan, f"{kind.name}.{node.name.value} has no plan"
        self.resolved.add(f"{kind.name}.{node.name.value}")
        value = plan.resolve(row, self.context, arguments_of(definition, node))
        return await self._complete(definition.type, await value if asyncio.isfuture(value) else value, node)

    async def _complete(self, kind: Any, value: Any, node: FieldNode) -> Any:
        if isinstance(kind, GraphQLNonNull):
            assert value is not None
            return await self._complete(kind.of_type, value, node)
        if value is None:
            return None
        if isinstance(kind, GraphQLList):
            return list(await asyncio.gather(*(self._complete(kind.of_type, item, node) for item in value)))
        if isinstance(kind, GraphQLScalarType | GraphQLEnumType):
            return kind.serialize(value)
        assert node.selection_set
        return await self.execute(object_type(kind, value), value, node.selection_set)


def object_type(kind: Any, row: Any) -> GraphQLObjectType:
    """The object type that a row of the type `kind` is shown as."""
    if isinstance(kind, GraphQLObjectType):
        return kind
    assert isinstance(kind, GraphQLInterfaceType)
    return next(possible for possible in core_schema(SCHEMA).get_possible_types(kind) if cast("Any", possible.is_type_of)(row, None))


def fields_of(selections: SelectionSetNode, kind: GraphQLObjectType) -> Iterator[FieldNode]:
    """The fields that are selected of `kind`, inline fragments included."""
    for node in selections.selections:
        if isinstance(node, FieldNode):
            yield node
        elif isinstance(node, InlineFragmentNode) and (not node.type_condition or applies(node.type_condition.name.value, kind)):
            yield from fields_of(node.selection_set, kind)


def applies(condition: str, kind: GraphQLObjectType) -> bool:
    return condition == kind.name or any(interface.name == condition for interface in kind.interfaces)


def arguments_of(definition: GraphQLField, node: FieldNode) -> dict[str, Any]:
    """The field's arguments by their Python names, input objects as instances of their classes."""
    arguments = definition.extensions[GraphQLCoreConverter.DEFINITION_BACKREF].arguments
    return convert_arguments(get_argument_values(definition, node), arguments, SCHEMA.schema_converter.scalar_registry, SCHEMA.config)
