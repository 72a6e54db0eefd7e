"""The commands on members: only owners run them, one owner always remains, and users who lose the right to connect are told."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from sqlalchemy import update

from services.commands import IdempotencyKeyReused
from services.domain.access import Role, TokenScope, Viewer
from services.domain.errors import Conflict, DomainError, Forbidden, NotFound
from services.domain.events import INSTALLATION_STREAM, Kind
from services.identity.members import Members
from services.identity.requests import AddMemberRequest, Membership, RemoveMemberRequest, RevokeTokenRequest, UpdateMemberRequest
from services.identity.tokens import Tokens
from services.store import members as store
from services.store.db.database import Database
from services.store.tables import core
from tests import factories
from tests.factories import World
from tests.people.rows import logged_events, open_tab
from tests.waiting import WAIT_LIMIT_S

Change = Callable[[Members, Viewer, Membership], Coroutine[Any, Any, object]]

CHANGES: dict[str, Change] = {
    "add": lambda members, viewer, member: members.add(viewer, AddMemberRequest(member.workspace_id, "grace", Role.VIEW)),
    "update": lambda members, viewer, member: members.update(viewer, UpdateMemberRequest(member, Role.VIEW)),
    "remove": lambda members, viewer, member: members.remove(viewer, RemoveMemberRequest(member)),
}
every_change = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)


async def role_of(database: Database, member: Membership) -> Role | None:
    async with database.read() as reader:
        return await store.role_in(reader, member.workspace_id, member.user_id)


async def new_member(database: Database, world: World, role: Role) -> Membership:
    return Membership(world.workspace_id, await factories.create_member(database, world.workspace_id, role))


@pytest.mark.behaviour("B90")
@pytest.mark.parametrize("role", Role)
async def test_an_owner_gives_a_user_any_role(members: Members, world: World, database: Database, role: Role) -> None:
    user_id = await factories.create_user(database, "grace")
    added = await members.add(world.viewer, AddMemberRequest(world.workspace_id, "grace", role))
    assert added == Membership(world.workspace_id, user_id)
    assert await role_of(database, added) is role
    for stream_id in (world.workspace_id, INSTALLATION_STREAM):
        [changed] = await logged_events(database, stream_id, Kind.MEMBER_CHANGED)
        assert (changed["for"], changed["user_id"], changed["role"], changed["workspace_id"]) == (
            user_id,
            user_id,
            role.name,
            world.workspace_id,
        )


@pytest.mark.behaviour("B91")
@every_change
@pytest.mark.parametrize("role", [role for role in Role if role is not Role.OWNER])
async def test_only_an_owner_changes_members(members: Members, world: World, database: Database, change: Change, role: Role) -> None:
    await factories.create_user(database, "grace")
    viewer, _ = await factories.create_viewer(database, world.workspace_id, role)
    with pytest.raises(Forbidden, match="OWNER"):
        await change(members, viewer, await new_member(database, world, Role.CONNECT))


@pytest.mark.behaviour("B91")
@every_change
async def test_an_owners_token_without_manage_changes_no_member(members: Members, world: World, database: Database, change: Change) -> None:
    await factories.create_user(database, "grace")
    viewer, _ = await factories.create_token(database, world.user_id, set(TokenScope) - {TokenScope.MANAGE})
    with pytest.raises(Forbidden, match="MANAGE"):
        await change(members, viewer, await new_member(database, world, Role.CONNECT))


@pytest.mark.behaviour("B92")
@every_change
async def test_to_a_stranger_a_workspace_reads_as_absent(members: Members, world: World, database: Database, change: Change) -> None:
    await factories.create_user(database, "grace")
    stranger, _ = await factories.create_token(database, await factories.create_user(database))
    answers = set()
    for workspace_id in (world.workspace_id, "0" * 32):
        with pytest.raises(NotFound) as refusal:
            await change(members, stranger, Membership(workspace_id, world.user_id))
        answers.add((refusal.value.message, refusal.value.code, *(refusal.value.field or ())))
    assert len(answers) == 1


@pytest.mark.behaviour("B90")
@pytest.mark.parametrize("act", ["demote", "remove"])
async def test_the_last_owner_cannot_be_demoted_or_removed(members: Members, world: World, database: Database, act: str) -> None:
    await new_member(database, world, Role.ADMIN)
    owner = Membership(world.workspace_id, world.user_id)
    with pytest.raises(Conflict, match="last OWNER"):
        await (
            members.remove(world.viewer, RemoveMemberRequest(owner))
            if act == "remove"
            else members.update(world.viewer, UpdateMemberRequest(owner, Role.ADMIN))
        )
    assert await role_of(database, owner) is Role.OWNER


async def test_one_of_two_owners_may_be_demoted(members: Members, world: World, database: Database) -> None:
    await new_member(database, world, Role.OWNER)
    owner = Membership(world.workspace_id, world.user_id)
    await members.update(world.viewer, UpdateMemberRequest(owner, Role.VIEW))
    assert await role_of(database, owner) is Role.VIEW


@pytest.mark.behaviour("B90")
async def test_of_two_owners_who_remove_each_other_one_fails(members: Members, world: World, database: Database) -> None:
    other, _ = await factories.create_viewer(database, world.workspace_id, Role.OWNER)
    ada, bob = (Membership(world.workspace_id, user_id) for user_id in (world.user_id, other.user_id))
    outcomes = await asyncio.gather(
        members.remove(world.viewer, RemoveMemberRequest(bob)), members.remove(other, RemoveMemberRequest(ada)), return_exceptions=True
    )
    assert sorted(isinstance(outcome, DomainError) for outcome in outcomes) == [False, True]
    assert [await role_of(database, ada), await role_of(database, bob)].count(Role.OWNER) == 1


async def test_of_two_owners_who_demote_themselves_at_once_one_remains(members: Members, world: World, database: Database) -> None:
    other, _ = await factories.create_viewer(database, world.workspace_id, Role.OWNER)
    ada, bob = (Membership(world.workspace_id, user_id) for user_id in (world.user_id, other.user_id))
    demotions = [
        members.update(world.viewer, UpdateMemberRequest(ada, Role.VIEW)),
        members.update(other, UpdateMemberRequest(bob, Role.VIEW)),
    ]
    outcomes = await asyncio.gather(*demotions, return_exceptions=True)
    assert sorted(isinstance(outcome, Conflict) for outcome in outcomes) == [False, True]


async def test_a_member_is_not_added_twice(members: Members, world: World) -> None:
    with pytest.raises(Conflict, match="updateMember") as refusal:
        await members.add(world.viewer, AddMemberRequest(world.workspace_id, "ada", Role.VIEW))
    assert refusal.value.field == ["user_name"]


@pytest.mark.parametrize("user_name", ["nobody", "", "a\0b", "x" * 1000])
async def test_an_unknown_user_is_not_found(members: Members, world: World, user_name: str) -> None:
    with pytest.raises(NotFound) as refusal:
        await members.add(world.viewer, AddMemberRequest(world.workspace_id, user_name, Role.VIEW))
    assert refusal.value.field == ["user_name"]


async def test_a_user_who_is_not_a_member_is_not_found(members: Members, world: World, database: Database) -> None:
    with pytest.raises(NotFound) as refusal:
        await members.remove(world.viewer, RemoveMemberRequest(Membership(world.workspace_id, await factories.create_user(database))))
    assert refusal.value.field == ["user_id"]


async def test_the_same_role_again_changes_nothing(members: Members, world: World, database: Database) -> None:
    await members.update(world.viewer, UpdateMemberRequest(await new_member(database, world, Role.LAUNCH), Role.LAUNCH))
    assert await logged_events(database, world.workspace_id, Kind.MEMBER_CHANGED) == []


@pytest.mark.behaviour("B57")
@pytest.mark.parametrize("role", [None, Role.VIEW])
async def test_a_user_who_loses_the_right_to_connect_gets_a_connection_error(
    members: Members, world: World, database: Database, role: Role | None
) -> None:
    member = await new_member(database, world, Role.LAUNCH)
    studio_id = await factories.create_studio(database, world, "Analysis", status="RUNNING", session_number=3)
    await open_tab(database, studio_id, member.user_id, session_number=3)
    await open_tab(database, studio_id, world.user_id, session_number=3)
    await (
        members.update(world.viewer, UpdateMemberRequest(member, role))
        if role
        else members.remove(world.viewer, RemoveMemberRequest(member))
    )
    [error] = await logged_events(database, world.workspace_id, Kind.CONNECTION_ERROR)
    assert (error["code"], error["for"], error["studio"], error["session_number"]) == ("ACCESS_REVOKED", member.user_id, studio_id, 3)


async def test_a_user_who_may_still_connect_gets_no_connection_error(members: Members, world: World, database: Database) -> None:
    member = await new_member(database, world, Role.LAUNCH)
    studio_id = await factories.create_studio(database, world, "Analysis", status="RUNNING", session_number=1)
    await open_tab(database, studio_id, member.user_id)
    await members.update(world.viewer, UpdateMemberRequest(member, Role.CONNECT))
    assert await logged_events(database, world.workspace_id, Kind.CONNECTION_ERROR) == []


async def test_no_member_is_added_while_sessions_run_as_the_servers_user(members: Members, world: World, database: Database) -> None:
    await factories.create_user(database, "grace")
    async with database.write() as transaction:
        await transaction.execute(update(core.compute_environment).values(enabled=True))
    with pytest.raises(Conflict, match="STUDIOGRAPH_PROCESS_COMPUTE=false"):
        await members.add(world.viewer, AddMemberRequest(world.workspace_id, "grace", Role.VIEW))


@pytest.mark.behaviour("B95")
async def test_a_repeated_key_returns_the_first_result_and_changes_nothing(members: Members, world: World, database: Database) -> None:
    await factories.create_user(database, "grace")
    first = await members.add(world.viewer, AddMemberRequest(world.workspace_id, "grace", Role.VIEW, idempotency_key="k"))
    again = await members.add(world.viewer, AddMemberRequest(world.workspace_id, "grace", Role.VIEW, idempotency_key="k"))
    assert again == first
    assert len(await logged_events(database, world.workspace_id, Kind.MEMBER_CHANGED)) == 1


@pytest.mark.behaviour("B95")
async def test_a_key_with_another_input_is_a_conflict(members: Members, world: World, database: Database) -> None:
    await factories.create_user(database, "grace")
    await members.add(world.viewer, AddMemberRequest(world.workspace_id, "grace", Role.VIEW, idempotency_key="k"))
    with pytest.raises(IdempotencyKeyReused):
        await members.add(world.viewer, AddMemberRequest(world.workspace_id, "grace", Role.ADMIN, idempotency_key="k"))


async def test_concurrent_revocations_do_not_deadlock(members: Members, tokens: Tokens, world: World, database: Database) -> None:
    """Every writer locks workspaces in the order of their ids, and the installation last."""
    elsewhere = await factories.create_workspace(database)
    await factories.create_member(database, elsewhere, Role.OWNER, user_id=world.user_id)
    studios = [
        await factories.create_studio(database, world, "First", status="RUNNING", session_number=1),
        await factories.create_studio(database, world, "Second", status="RUNNING", session_number=1, workspace_id=elsewhere),
    ]
    changes: list[Coroutine[Any, Any, object]] = []
    for _ in range(6):
        viewer, _ = await factories.create_token(database, world.user_id)
        for studio_id in studios:
            await open_tab(database, studio_id, world.user_id, viewer.token_id)
        changes.append(tokens.revoke(world.viewer, RevokeTokenRequest(viewer.token_id)))
        for workspace_id in (world.workspace_id, elsewhere):
            member = Membership(workspace_id, await factories.create_member(database, workspace_id, Role.ADMIN))
            changes.append(members.update(world.viewer, UpdateMemberRequest(member, Role.VIEW)))
    async with asyncio.timeout(WAIT_LIMIT_S):
        await asyncio.gather(*changes)
    assert len(await logged_events(database, INSTALLATION_STREAM, Kind.MEMBER_CHANGED)) == 12
    assert len(await logged_events(database, INSTALLATION_STREAM, Kind.TOKEN_REVOKED)) == 6
    assert len(await logged_events(database, elsewhere, Kind.CONNECTION_ERROR)) == 6
