"""Tokens and members, as clients manage them."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.domain.access import Role, TokenScope
from services.domain.errors import Unauthenticated
from services.identity.token_rules import TokenLimits
from services.identity.tokens import Tokens
from services.services import Services
from services.store.db.database import Database
from tests import factories
from tests.factories import World
from tests.mutations.api import Api, gid, problems


@pytest.mark.behaviour("B94")
async def test_a_new_tokens_secret_is_shown_this_once(api: Api, world: World, services: Services) -> None:
    expires_at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    result = await api.mutate(world.viewer, "createToken", name="CI", scopes=["READ", "OPERATE", "READ"], expiresAt=expires_at)
    secret, token = result["secret"], result["token"]
    assert (token["name"], token["scopes"]) == ("CI", ["READ", "OPERATE"])
    assert secret.startswith(token["hint"])
    viewer = await services.tokens.authenticate(secret)
    assert viewer.user_id == world.user_id
    listed = await api.run(world.viewer, "{ viewer { tokens { id name hint } } }")
    assert secret not in str(listed)


@pytest.mark.behaviour("B94")
async def test_a_token_grants_no_more_than_it_has(api: Api, world: World, database: Database) -> None:
    maker, _ = await factories.create_token(database, world.user_id, {TokenScope.READ, TokenScope.MANAGE})
    result = await api.mutate(maker, "createToken", name="more", scopes=["OPERATE"])
    assert (result["__typename"], result["field"]) == ("ForbiddenError", ["scopes"])
    reader, _ = await factories.create_token(database, world.user_id, {TokenScope.READ})
    assert (await api.mutate(reader, "createToken", name="same", scopes=["READ"]))["__typename"] == "ForbiddenError"


async def test_everything_wrong_with_a_token_is_said_at_once(api: Api, world: World) -> None:
    result = await api.mutate(world.viewer, "createToken", name="", scopes=[], expiresAt="2020-01-01T00:00:00Z")
    assert problems(result) == [("name", "LENGTH"), ("scopes", "REQUIRED"), ("expiresAt", "PAST")]


@pytest.mark.parametrize("moment", ["soon", "2030-01-01T00:00:00", "0001-01-01T00:00:00+14:00", 5])
async def test_a_time_that_is_none_is_the_callers_mistake(api: Api, world: World, moment: object) -> None:
    values = {"name": "CI", "scopes": ["READ"], "expiresAt": moment}
    response = await api.run(world.viewer, api.document("createToken"), input=values)
    assert [error["extensions"]["code"] for error in response["errors"]] == ["INVALID_VARIABLES"]


async def test_too_many_tokens_are_a_quota_error(api: Api, world: World, services: Services) -> None:
    services.tokens = Tokens(services.database, services.runner, TokenLimits(per_user=1))  # type: ignore[misc]
    result = await api.mutate(world.viewer, "createToken", name="CI", scopes=["READ"])
    assert (result["__typename"], result["code"]) == ("QuotaExceededError", "QUOTA_EXCEEDED")


@pytest.mark.behaviour("B94")
async def test_a_revoked_token_lets_nobody_in(api: Api, world: World, services: Services) -> None:
    new = await api.mutate(world.viewer, "createToken", name="CI", scopes=["READ"])
    first = await api.mutate(world.viewer, "revokeToken", tokenId=new["token"]["id"], idempotencyKey="k")
    again = await api.mutate(world.viewer, "revokeToken", tokenId=new["token"]["id"], idempotencyKey="k")
    assert first["token"]["revokedAt"] is not None
    assert again == first
    with pytest.raises(Unauthenticated):
        await services.tokens.authenticate(new["secret"])


@pytest.mark.behaviour("B92")
@pytest.mark.parametrize("bad", ["", "nonsense", gid("Studio", "0" * 32), gid("Token", "0" * 32)])
async def test_what_is_no_token_of_the_viewers_is_not_found(api: Api, world: World, bad: str) -> None:
    result = await api.mutate(world.viewer, "revokeToken", tokenId=bad)
    assert (result["__typename"], result["field"]) == ("NotFoundError", ["tokenId"])


@pytest.mark.behaviour("B90")
async def test_a_member_is_added_changed_and_removed(api: Api, world: World, database: Database) -> None:
    await factories.allow_many_users(database)
    user_id = gid("User", await factories.create_user(database, "grace"))
    workspace = {"workspaceId": gid("Workspace", world.workspace_id)}
    added = await api.mutate(world.viewer, "addMember", **workspace, userName="grace", role="LAUNCH")
    assert added["member"] == {"user": {"id": user_id, "userName": "grace"}, "role": "LAUNCH"}
    changed = await api.mutate(world.viewer, "updateMember", **workspace, userId=user_id, role="VIEW")
    assert changed["member"]["role"] == "VIEW"
    removed = await api.mutate(world.viewer, "removeMember", **workspace, userId=user_id)
    assert (removed["removedUserId"], removed["workspace"]) == (user_id, {"id": workspace["workspaceId"]})


@pytest.mark.behaviour("B90")
async def test_the_last_owner_is_told_so(api: Api, world: World) -> None:
    values = {"workspaceId": gid("Workspace", world.workspace_id), "userId": gid("User", world.user_id)}
    for mutation, more in (("updateMember", {"role": "ADMIN"}), ("removeMember", {})):
        assert (await api.mutate(world.viewer, mutation, **values, **more))["__typename"] == "ConflictError"


async def test_an_owner_who_leaves_sees_the_workspace_no_more(api: Api, world: World, database: Database) -> None:
    await factories.create_member(database, world.workspace_id, Role.OWNER)
    values = {"workspaceId": gid("Workspace", world.workspace_id), "userId": gid("User", world.user_id)}
    removed = await api.mutate(world.viewer, "removeMember", **values)
    assert (removed["removedUserId"], removed["workspace"]) == (values["userId"], None)


async def test_where_sessions_run_as_the_servers_user_nobody_is_added(api: Api, world: World, database: Database) -> None:
    await factories.create_user(database, "grace")
    result = await api.mutate(world.viewer, "addMember", workspaceId=gid("Workspace", world.workspace_id), userName="grace", role="VIEW")
    assert result["__typename"] == "ConflictError"
    assert "STUDIOGRAPH_PROCESS_COMPUTE=false" in result["message"]


@pytest.mark.behaviour("B90")
async def test_of_two_owners_who_remove_each_other_one_fails(api: Api, world: World, database: Database) -> None:
    other, _ = await factories.create_viewer(database, world.workspace_id, Role.OWNER)
    workspace_id = gid("Workspace", world.workspace_id)
    results = await asyncio.gather(
        api.mutate(world.viewer, "removeMember", workspaceId=workspace_id, userId=gid("User", other.user_id)),
        api.mutate(other, "removeMember", workspaceId=workspace_id, userId=gid("User", world.user_id)),
    )
    assert sorted(result["__typename"] for result in results) == ["NotFoundError", "RemoveMemberPayload"]
