"""The commands by which the operator creates users, organizations, and workspaces with their first OWNER."""

import pytest
from sqlalchemy import update

from services.domain.access import Operator, Role
from services.domain.errors import Conflict, InvalidInput, NotFound
from services.domain.events import Kind
from services.identity.people import People
from services.store import members as member_store
from services.store.db.database import Database
from services.store.tables import core
from tests import factories
from tests.factories import World
from tests.people.rows import logged_events


@pytest.mark.behaviour("B90")
async def test_a_new_workspace_has_its_first_owner_and_an_event_stream(people: People, database: Database) -> None:
    await factories.create_installation(database)
    user_id = await people.create_user(Operator(), "ada", "Ada Lovelace")
    organization_id = await people.create_organization(Operator(), "acme", "Acme")
    workspace_id = await people.create_workspace(Operator(), organization_id, "lab", "The Lab", user_id)
    async with database.read() as reader:
        assert await member_store.role_in(reader, workspace_id, user_id) is Role.OWNER
    [event] = await logged_events(database, workspace_id, Kind.MEMBER_CHANGED)
    assert (event["user_id"], event["role"]) == (user_id, "OWNER")


async def test_users_organizations_and_workspaces_are_found_by_name(people: People, world: World) -> None:
    assert await people.find_user("ada") == world.user_id
    assert await people.find_organization("acme") == world.organization_id
    assert await people.find_workspace("lab") == world.workspace_id
    assert await people.find_user("nobody") is None


async def test_a_name_that_is_taken_is_refused(people: People, world: World) -> None:
    with pytest.raises(Conflict):
        await people.create_user(Operator(), "ada")
    with pytest.raises(Conflict):
        await people.create_organization(Operator(), "acme", "Acme")
    with pytest.raises(Conflict) as slug:
        await people.create_workspace(Operator(), world.organization_id, "lab", "Other", world.user_id)
    with pytest.raises(Conflict) as name:
        await people.create_workspace(Operator(), world.organization_id, "other", "LAB", world.user_id)
    assert (slug.value.field, name.value.field) == (["slug"], ["name"])


async def test_a_workspace_needs_an_organization_and_an_owner_that_exist(people: People, world: World) -> None:
    with pytest.raises(NotFound):
        await people.create_workspace(Operator(), "0" * 32, "new", "New", world.user_id)
    with pytest.raises(NotFound):
        await people.create_workspace(Operator(), world.organization_id, "new", "New", "0" * 32)


@pytest.mark.parametrize("slug", ["", "Lab", "a b", "-lab", "lab-", "a/b", "x" * 65])
async def test_a_slug_that_does_not_fit_an_address_is_refused(people: People, world: World, slug: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await people.create_organization(Operator(), slug, "")
    assert [problem.field for problem in refusal.value.problems] == [("slug",), ("name",)]


@pytest.mark.parametrize("user_name", ["", "Ada", "a b", ".ada", "ada@home", "x" * 65])
async def test_a_user_name_with_other_characters_is_refused(people: People, world: World, user_name: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await people.create_user(Operator(), user_name, "Ada")
    assert refusal.value.field == ["user_name"]


async def test_a_second_user_is_refused_while_sessions_run_as_the_servers_user(people: People, world: World, database: Database) -> None:
    async with database.write() as transaction:
        await transaction.execute(update(core.compute_environment).values(enabled=True))
    with pytest.raises(Conflict, match="STUDIOGRAPH_PROCESS_COMPUTE=false"):
        await people.create_user(Operator(), "grace")
