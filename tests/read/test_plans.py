"""The plan of a field is enough to resolve it: every field below the root has one, and it gives what the field's resolver gives."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from graphql import FieldNode, GraphQLField, GraphQLObjectType, GraphQLSchema, OperationDefinitionNode, SelectionSetNode, parse

from resolvers.context import make_context
from resolvers.rights import rights_of
from schema.build import core_schema
from schema.field_metadata import plan_of
from schema.ids import encode
from schema.plans import FieldKind
from schema.query import NODES
from services.domain.access import TokenScope, Viewer
from services.domain.actor import Actor
from services.domain.events import Kind, NewEvent
from services.store import outbox
from services.store.db.database import Database
from tests import factories
from tests.factories import World
from tests.read.asking import SCHEMA, Asker
from tests.read.plan_executor import PlanExecutor
from tests.read.selections import everything

CORE: GraphQLSchema = core_schema(SCHEMA)
ROOTS = (CORE.query_type, CORE.mutation_type, CORE.subscription_type)
FIELDS: dict[str, GraphQLField] = {
    f"{kind.name}.{name}": field
    for kind in CORE.type_map.values()
    if isinstance(kind, GraphQLObjectType) and kind not in ROOTS and not kind.name.startswith("__")
    for name, field in kind.fields.items()
}
COMPUTED = {name for name, field in FIELDS.items() if (plan := plan_of(field)) and plan.kind is FieldKind.COMPUTED}
"""They need real rows; `test_plans_alone_give_what_the_executor_gives` covers them."""
VIEWER = Viewer("user", "ada", "token", frozenset(TokenScope))


class NamedRow:
    """A row that has every attribute, with the attribute's name as its value; `null` leaves one empty."""

    def __init__(self, null: str | None = None) -> None:
        self._null = null

    def __getattr__(self, name: str) -> str | None:
        return None if name == self._null else name


class RecordingBatches:
    """Batches that load nothing: the result of a load is what was to be loaded."""

    def load(self, *request: Any) -> tuple[Any, ...]:
        return request


CONTEXT: Any = SimpleNamespace(viewer=VIEWER, rights=rights_of(VIEWER), batches=RecordingBatches())


def resolved(field: GraphQLField, row: object) -> Any:
    """What the field's resolver gives without arguments."""
    assert field.resolve
    return field.resolve(row, cast("Any", SimpleNamespace(context=CONTEXT)))


def test_every_field_below_the_root_has_a_plan() -> None:
    assert [name for name, field in FIELDS.items() if plan_of(field) is None] == []


def test_every_plan_has_what_its_kind_needs() -> None:
    for name, field in FIELDS.items():
        plan = plan_of(field)
        assert plan
        assert (plan.load is not None) == (plan.kind in {FieldKind.BATCHED, FieldKind.PAGED}), name
        assert (plan.compute is not None) == (plan.kind is FieldKind.COMPUTED), name
        assert plan.of is not None or plan.kind is not FieldKind.ATTRIBUTE, name
        assert plan.pick is not None or plan.kind is not FieldKind.DERIVED, name
        assert (plan.arguments is not None) == bool(field.args), name


def test_a_plan_gives_what_the_resolver_gives() -> None:
    for name in FIELDS.keys() - COMPUTED:
        plan = plan_of(FIELDS[name])
        assert plan
        rows = [NamedRow()] if plan.kind is FieldKind.DERIVED else [NamedRow(), NamedRow(null=plan.of)]
        for row in rows:
            assert plan.resolve(row, CONTEXT, {}) == resolved(FIELDS[name], row), name


PAGES = """... on Workspace {
  named: studios(filter: { statuses: [RUNNING], nameContains: "fir" }, orderBy: { field: STATUS_SINCE, direction: DESC }, first: 1) {
    totalCount edges { cursor node { name } } }
  connected: studioCounts(filter: { connected: true }) { status count }
  all: templates(includeUnsupported: true) { name }
  oldest: events(direction: ASC, first: 1) { totalCount nodes { ... on Event { cursor at actor { name cause } } ... on StudioEvent {
    studioName studioId studio { url availableActions { action allowed reason } } } ... on StudioEditedEvent { revision fields } } } }"""
"""Fields with arguments, and interfaces: what `everything` leaves out."""


@pytest.fixture
async def full_world(database: Database, world: World) -> World:
    """A workspace with one of everything that a query can read."""
    studio_id = await factories.create_studio(database, world, "first", status="RUNNING", session_number=1)
    session_id = await factories.create_session(database, world, studio_id)
    await factories.create_stats(database, session_id)
    await factories.create_star(database, world, studio_id)
    await factories.create_checkpoint(database, world, studio_id)
    await factories.create_connection(database, world, studio_id)
    await factories.create_operation(database, world, studio_id)
    edited = NewEvent(
        Kind.STUDIO_EDITED, Actor.user(world.user_id, "ada"), {"revision": 2, "fields": ["name"]}, studio_id=studio_id, studio_name="first"
    )
    async with database.write() as transaction:
        await outbox.append(transaction, world.workspace_id, [edited])
    return world


async def test_plans_alone_give_what_the_executor_gives(database: Database, full_world: World, asker: Asker) -> None:
    by_plans = PlanExecutor(make_context(asker.services, full_world.viewer))
    ids = {"Workspace": full_world.workspace_id, "User": full_world.user_id}
    for type_name, row_id in ids.items():
        selections = f"{everything(CORE, type_name)} {PAGES if type_name == 'Workspace' else ''}"
        query = f'{{ node(id: "{encode(type_name, row_id)}") {{ ... on {type_name} {selections} }} }}'
        kind = CORE.type_map[type_name]
        assert isinstance(kind, GraphQLObjectType)
        row = await by_plans.context.batches.load(NODES[type_name], row_id)
        result = await by_plans.execute(kind, row, selected_of_root(query))
        assert result == (await asker.data(full_world.viewer, query))["node"]
    assert by_plans.resolved >= COMPUTED


def selected_of_root(query: str) -> SelectionSetNode:
    """What a query selects of its only root field."""
    (operation,) = parse(query).definitions
    assert isinstance(operation, OperationDefinitionNode)
    (node,) = operation.selection_set.selections
    assert isinstance(node, FieldNode)
    assert node.selection_set
    return node.selection_set
