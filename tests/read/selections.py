"""Queries for all that a type offers, made from the schema."""

from collections.abc import Iterator

from graphql import GraphQLField, GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema, get_named_type, is_leaf_type, is_required_argument

MAX_DEPTH = 5
"""The number of types on one way down: with more, all that a Studio leads to is more than one operation may select."""


def everything(schema: GraphQLSchema, type_name: str, inside: tuple[str, ...] = ()) -> str:
    """A selection of every field without a required argument; no type is entered twice on one way down, and at most MAX_DEPTH types."""
    kind = schema.type_map[type_name]
    assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
    parts = [part for name, field in kind.fields.items() if (part := _part(schema, name, field, (*inside, type_name)))]
    return f"{{ __typename {' '.join(parts)} }}"


def _part(schema: GraphQLSchema, name: str, field: GraphQLField, inside: tuple[str, ...]) -> str | None:
    kind = get_named_type(field.type)
    if any(is_required_argument(argument) for argument in field.args.values()) or kind.name in inside:
        return None
    if is_leaf_type(kind):
        return name
    if isinstance(kind, GraphQLObjectType) and len(inside) < MAX_DEPTH:
        return f"{name} {everything(schema, kind.name, inside)}"
    return f"{name} {{ __typename }}"


def differences(one: object, other: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths (field names, without list positions) at which two results differ."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one:
            yield from differences(one[key], other[key], (*path, key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for left, right in zip(one, other, strict=True):
            yield from differences(left, right, path)
    elif one != other:
        yield path


def fields_on(schema: GraphQLSchema, type_name: str, path: tuple[str, ...]) -> Iterator[GraphQLField]:
    """The fields that a path goes through, from `type_name` down."""
    for name in path:
        kind = schema.type_map[type_name]
        assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
        field = kind.fields[name]
        yield field
        type_name = get_named_type(field.type).name
