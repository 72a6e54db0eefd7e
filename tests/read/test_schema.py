"""The contract itself: described everywhere, with a policy at every root, its dependence on viewers marked, and exported."""

import re
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_required_argument,
    is_required_input_field,
    specified_directives,
)

from resolvers.rights import rights_of
from schema import export
from schema.build import core_schema
from schema.field_metadata import WORDS, Mark, marks_of, policy_of
from schema.ids import encode
from services.domain.access import MATRIX, Permission, Role, TokenScope, Viewer
from services.domain.errors import Forbidden
from services.store.db.database import Database
from tests import factories
from tests.factories import World
from tests.read.asking import SCHEMA, Asker
from tests.read.selections import differences, everything, fields_on

CORE: GraphQLSchema = core_schema(SCHEMA)
OWN = {
    name: kind
    for name, kind in CORE.type_map.items()
    if not name.startswith("__") and name not in {"String", "Int", "Float", "Boolean", "ID"}
}


def parts(name: str, kind: Any) -> Iterator[tuple[str, Any]]:
    """A type and everything in it that can have a description."""
    yield name, kind
    if isinstance(kind, GraphQLEnumType):
        yield from ((f"{name}.{value}", kind.values[value]) for value in kind.values)
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
        for field_name, field in kind.fields.items():
            yield f"{name}.{field_name}", field
            arguments = field.args if isinstance(field, GraphQLField) else {}
            yield from ((f"{name}.{field_name}({argument})", arguments[argument]) for argument in arguments)


def said_of(part: Any) -> str:
    """The description of a part of the schema; empty if it has none."""
    return part.description or ""


def is_optional_input(part: Any) -> bool:
    """Whether a client may omit this argument or input field."""
    if isinstance(part, GraphQLArgument):
        return not is_required_argument(part)
    return isinstance(part, GraphQLInputField) and not is_required_input_field(part)


def is_nullable_output(part: Any) -> bool:
    return isinstance(part, GraphQLField) and not isinstance(part.type, GraphQLNonNull)


RULES: dict[str, Callable[[Any], bool]] = {
    "begins with an upper-case letter": lambda part: said_of(part)[:1].isupper(),
    "ends with a period": lambda part: said_of(part).endswith("."),
    "has three words or more": lambda part: len(said_of(part).split()) >= 3,
    "has 300 characters or less": lambda part: len(said_of(part)) <= 300,
    "says when the value is null": lambda part: not is_nullable_output(part) or bool(re.search(r"\bnull\b", said_of(part), re.IGNORECASE)),
    "says what happens if it is omitted": lambda part: (
        not is_optional_input(part) or bool(re.search(r"\b(omitted|default)\b", said_of(part), re.IGNORECASE))
    ),
}
"""What every description must be, of types, fields, arguments, input fields and enum values alike."""


@pytest.mark.parametrize("rule", RULES)
def test_every_description(rule: str) -> None:
    broken = [f"{path}: {said_of(part)}" for name, kind in OWN.items() for path, part in parts(name, kind) if not RULES[rule](part)]
    assert broken == []


def test_every_root_field_declares_what_it_requires() -> None:
    roots = [kind for kind in (CORE.query_type, CORE.mutation_type, CORE.subscription_type) if kind]
    silent = [f"{root.name}.{name}" for root in roots for name, field in root.fields.items() if policy_of(field) is None]
    assert silent == []


def _root_fields() -> list[tuple[str, Any, Permission]]:
    assert CORE.query_type
    assert CORE.subscription_type
    queries = [(name, field.resolve, policy_of(field)) for name, field in CORE.query_type.fields.items()]
    streams = [(name, field.subscribe, policy_of(field)) for name, field in CORE.subscription_type.fields.items()]
    return [(name, resolve, policy) for name, resolve, policy in queries + streams if isinstance(policy, Permission)]


@pytest.mark.behaviour("B94")
@pytest.mark.parametrize(("resolve", "permission"), [pytest.param(*rest, id=name) for name, *rest in _root_fields()])
def test_a_root_field_refuses_a_token_without_the_scope_before_its_body_runs(resolve: Any, permission: Permission) -> None:
    """Without its arguments, a body that ran would fail in another way."""
    viewer = Viewer("user", "ada", "token", frozenset(TokenScope) - {MATRIX[permission].scope})
    info = SimpleNamespace(context=SimpleNamespace(viewer=viewer, rights=rights_of(viewer)))
    with pytest.raises(Forbidden, match=MATRIX[permission].scope.value):
        resolve(None, info)


def test_connections_are_nullable_so_that_a_bad_argument_costs_one_field() -> None:
    strict = [
        f"{name}.{field_name}"
        for name, kind in OWN.items()
        if isinstance(kind, GraphQLObjectType)
        for field_name, field in kind.fields.items()
        if "after" in field.args and isinstance(field.type, GraphQLNonNull) and get_named_type(field.type).name.endswith("Connection")
    ]
    assert strict == []


def test_nothing_but_the_specified_directives_is_needed_to_read_the_contract() -> None:
    assert {directive.name for directive in CORE.directives} <= {directive.name for directive in specified_directives}


def test_the_exported_contract_is_current() -> None:
    assert export.main(["--check"]) == 0


async def two_views(database: Database, world: World, asker: Asker, row_id: str, type_name: str) -> list[Any]:
    """Everything of a node, as its owner with a star sees it and as somebody who may only look does."""
    guest, _ = await factories.create_viewer(database, world.workspace_id, Role.VIEW, "bob")
    query = f"query ($id: ID!) {{ node(id: $id) {{ ... on {type_name} {everything(CORE, type_name)} }} }}"
    return [(await asker.data(viewer, query, id=encode(type_name, row_id)))["node"] for viewer in (world.viewer, guest)]


async def test_all_that_differs_between_two_viewers_is_marked(database: Database, world: World, asker: Asker) -> None:
    await factories.create_member(database, await factories.create_workspace(database, "other"), user_id=world.user_id)
    studio_id = await factories.create_studio(database, world, "s", status="RUNNING", session_number=1)
    await factories.create_star(database, world, studio_id)
    await factories.create_session(database, world, studio_id)
    await factories.create_checkpoint(database, world, studio_id)
    await factories.create_connection(database, world, studio_id)
    owner, guest = await two_views(database, world, asker, studio_id, "Studio")
    different = set(differences(owner, guest))
    for path in different:
        marks = [Mark.VIEWER in marks_of(field) for field in fields_on(CORE, "Studio", path)]
        assert any(marks), f"Studio.{'.'.join(path)} depends on who asks, and is not marked"
    assert {("isStarred",), ("url",), ("workspace", "viewerRole"), ("owner", "tokens")} <= different
    assert any(path[0] == "availableActions" for path in different)


def test_a_marked_field_says_so_in_its_description() -> None:
    for kind in OWN.values():
        for field in kind.fields.values() if isinstance(kind, GraphQLObjectType) else ():
            for mark, words in WORDS.items():
                assert (mark in marks_of(field)) == (words in field.description)
