"""The commands of the operator: who lacks their permission changes nothing."""

from collections.abc import Awaitable, Callable

import pytest

from services.commands import CommandRunner
from services.compute.protocol import Report
from services.compute_environments.commands import ComputeEnvironments, NewComputeEnvironment
from services.domain.access import Operator, OperatorPermission, Role, TokenScope
from services.domain.errors import Conflict, Forbidden
from services.domain.statuses import ComputeKind, Tool
from services.identity.people import People
from services.identity.token_rules import NewToken
from services.identity.tokens import Tokens
from services.store import compute_environments, templates
from services.store.compute_environments import EnvironmentState
from services.store.db.database import Database
from services.store.templates import TemplateState
from services.templates.commands import Templates
from services.templates.recipe_images import RecipeImage
from services.templates.requests import NewTemplate, TemplateChanges
from tests import factories
from tests.factories import World

TEMPLATE = NewTemplate("Marimo", Tool.CUSTOM, "registry.example.org/marimo:0.14", "0.14")
ENVIRONMENT = NewComputeEnvironment("Lab server", ComputeKind.DOCKER, {"url": "tcp://lab:2375"})
Call = Callable[[Templates, ComputeEnvironments, World, Operator], Awaitable[object]]


def on_environment(change: Callable[[ComputeEnvironments, Operator, EnvironmentState], Awaitable[object]]) -> Call:
    """Returns the call that changes the world's compute environment."""

    async def call(_: Templates, environments: ComputeEnvironments, world: World, operator: Operator) -> object:
        return await change(environments, operator, await environments.find(world.workspace_id, "Here"))

    return call


def on_template(change: Callable[[Templates, Operator, TemplateState], Awaitable[object]]) -> Call:
    """Returns the call that changes the world's template."""

    async def call(templates: Templates, _: ComputeEnvironments, world: World, operator: Operator) -> object:
        template, _status = await templates.find(world.workspace_id, "Tiny")
        return await change(templates, operator, template)

    return call


COMPUTE_ENVIRONMENT_CALLS: dict[str, Call] = {
    "ensure": lambda _, environments, world, operator: environments.ensure(operator, world.workspace_id, ENVIRONMENT),
    "add": lambda _, environments, world, operator: environments.add(operator, world.workspace_id, ENVIRONMENT),
    "set_enabled": lambda _, environments, world, operator: environments.set_enabled(operator, ComputeKind.PROCESS, enabled=False),
    "record_capacity": lambda _, environments, world, operator: environments.record_capacity(
        operator, world.compute_environment_id, Report(cpu=1, memory_mib=1, gpu=0)
    ),
    "edit": on_environment(lambda environments, operator, environment: environments.edit(operator, environment, name="Cellar")),
    "switch": on_environment(lambda environments, operator, environment: environments.switch(operator, environment, enabled=False)),
    "remove": on_environment(lambda environments, operator, environment: environments.remove(operator, environment)),
}
TEMPLATE_CALLS: dict[str, Call] = {
    "ensure": lambda templates, _, world, operator: templates.ensure(
        operator, world.workspace_id, TEMPLATE, RecipeImage("own", "studiograph/own:1", None)
    ),
    "add": lambda templates, _, world, operator: templates.add(operator, world.workspace_id, TEMPLATE),
    "edit": on_template(lambda templates, operator, template: templates.edit(operator, template, TemplateChanges(port=2718))),
    "remove": on_template(lambda templates, operator, template: templates.remove(operator, template)),
}
CALLS = [
    *(pytest.param(call, OperatorPermission.COMPUTE_ENVIRONMENT_MANAGE, id=name) for name, call in COMPUTE_ENVIRONMENT_CALLS.items()),
    *(pytest.param(call, OperatorPermission.TEMPLATE_MANAGE, id=f"template {name}") for name, call in TEMPLATE_CALLS.items()),
]


async def counted(database: Database, world: World) -> list[object]:
    """Everything that these commands may change."""
    async with database.read() as reader:
        environments = await compute_environments.of_workspace(reader, world.workspace_id)
        return [*environments, *await templates.of_workspace(reader, world.workspace_id)]


@pytest.mark.parametrize(("call", "permission"), CALLS)
async def test_each_command_needs_its_permission(database: Database, call: Call, permission: OperatorPermission) -> None:
    world = await factories.create_world(database)
    runner = CommandRunner(database)
    before = await counted(database, world)
    others = Operator(frozenset(OperatorPermission) - {permission})
    with pytest.raises(Forbidden, match=permission.value):
        await call(Templates(runner), ComputeEnvironments(runner), world, others)
    assert await counted(database, world) == before
    await call(Templates(runner), ComputeEnvironments(runner), world, Operator(frozenset({permission})))
    assert await counted(database, world) != before


IDENTITY_CALLS: dict[str, tuple[OperatorPermission, Callable[[People, Tokens, World, Operator], Awaitable[object]]]] = {
    "create_user": (OperatorPermission.USER_MANAGE, lambda people, _, world, operator: people.create_user(operator, "grace")),
    "create_organization": (
        OperatorPermission.WORKSPACE_MANAGE,
        lambda people, _, world, operator: people.create_organization(operator, "new", "New"),
    ),
    "create_workspace": (
        OperatorPermission.WORKSPACE_MANAGE,
        lambda people, _, world, operator: people.create_workspace(operator, world.organization_id, "new", "New", world.user_id),
    ),
    "join": (
        OperatorPermission.WORKSPACE_MANAGE,
        lambda people, _, world, operator: people.join(operator, world.workspace_id, world.user_id, Role.OWNER),
    ),
    "issue": (
        OperatorPermission.TOKEN_MANAGE,
        lambda _, tokens, world, operator: tokens.issue(operator, world.user_id, NewToken("report", frozenset(TokenScope))),
    ),
    "revoke_any": (
        OperatorPermission.TOKEN_MANAGE,
        lambda _, tokens, world, operator: tokens.revoke_any(operator, world.viewer.token_id),
    ),
}


@pytest.mark.parametrize("name", IDENTITY_CALLS)
async def test_each_command_about_people_needs_its_permission(people: People, tokens: Tokens, world: World, name: str) -> None:
    permission, call = IDENTITY_CALLS[name]
    with pytest.raises(Forbidden, match=permission.value):
        await call(people, tokens, world, Operator(frozenset(OperatorPermission) - {permission}))
    await call(people, tokens, world, Operator(frozenset({permission})))


async def test_what_is_there_under_a_name_is_found_and_never_another(database: Database) -> None:
    world = await factories.create_world(database)
    runner, operator = CommandRunner(database), Operator()
    environments = ComputeEnvironments(runner)
    made, is_new = await environments.add(operator, world.workspace_id, ENVIRONMENT)
    assert is_new
    assert await environments.add(operator, world.workspace_id, ENVIRONMENT) == (made, False)
    with pytest.raises(Conflict, match="tcp://lab:2375"):
        await environments.add(operator, world.workspace_id, NewComputeEnvironment(ENVIRONMENT.name, ComputeKind.DOCKER))
    template_id = await Templates(runner).add(operator, world.workspace_id, TEMPLATE)
    assert await Templates(runner).add(operator, world.workspace_id, TEMPLATE) == template_id
    with pytest.raises(Conflict, match=TEMPLATE.image):
        await Templates(runner).add(operator, world.workspace_id, NewTemplate(TEMPLATE.name, Tool.CUSTOM, "another:1", "1"))
