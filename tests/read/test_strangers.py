"""What somebody without access is told: the same as of what does not exist (B92). And what roles and scopes show (B90, B91)."""

from dataclasses import replace
from typing import Any

import pytest

from schema.ids import encode
from services.domain.access import Permission, Role, TokenScope, Viewer, role_allows
from services.domain.ids import new_id
from services.store.db.database import Database
from tests import factories
from tests.factories import World
from tests.read.asking import Asker

NODE = "query ($id: ID!) { node(id: $id) { __typename id } }"
ALONE = {
    "Studio": "query ($id: ID!) { studio(id: $id) { id name } }",
    "Operation": "query ($id: ID!) { operation(id: $id) { id } }",
    "Workspace": "query ($id: ID!) { workspace(by: { id: $id }) { id } }",
    "Organization": "query ($id: ID!) { organization(by: { id: $id }) { id } }",
}


@pytest.fixture
async def stranger(database: Database, world: World) -> Viewer:
    """A member of another workspace, who knows every id of this one."""
    elsewhere = await factories.create_workspace(database, "elsewhere")
    return (await factories.create_viewer(database, elsewhere, user_name="mallory"))[0]


async def everything(database: Database, world: World) -> dict[str, str]:
    """One row of each kind of node, by type name."""
    studio_id = await factories.create_studio(database, world, "Secret", session_number=1)
    return {
        "User": world.user_id,
        "Organization": world.organization_id,
        "Workspace": world.workspace_id,
        "Studio": studio_id,
        "Session": await factories.create_session(database, world, studio_id),
        "Checkpoint": await factories.create_checkpoint(database, world, studio_id),
        "Template": world.template_id,
        "ComputeEnvironment": world.compute_environment_id,
        "Operation": await factories.create_operation(database, world, studio_id),
    }


@pytest.mark.behaviour("B92")
async def test_a_stranger_is_told_the_same_of_what_is_hidden_and_of_what_is_absent(
    database: Database, world: World, asker: Asker, stranger: Viewer
) -> None:
    for type_name, row_id in (await everything(database, world)).items():
        hidden, absent = encode(type_name, row_id), encode(type_name, new_id())
        for query in [NODE, *([ALONE[type_name]] if type_name in ALONE else [])]:
            replies = [await asker.ask(stranger, query, id=some_id) for some_id in (hidden, absent)]
            assert replies[0] == replies[1], type_name
            assert list(replies[0].data.values()) == [None]
            assert not replies[0].errors
            assert next(iter((await asker.data(world.viewer, query, id=hidden)).values()))["id"] == hidden


@pytest.mark.behaviour("B92")
async def test_several_nodes_are_null_one_by_one(database: Database, world: World, asker: Asker, stranger: Viewer) -> None:
    ids = [encode(type_name, row_id) for type_name, row_id in (await everything(database, world)).items()]
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert await asker.data(stranger, query, ids=ids) == {"nodes": [None] * len(ids)}
    assert [node["id"] for node in (await asker.data(world.viewer, query, ids=ids))["nodes"]] == ids


@pytest.mark.behaviour("B92")
async def test_slugs_and_names_tell_a_stranger_nothing(database: Database, world: World, asker: Asker, stranger: Viewer) -> None:
    await factories.create_studio(database, world, "Secret")
    query = """query ($id: ID!) { workspace(by: { slug: "lab" }) { id } organization(by: { slug: "acme" }) { id }
        studioNameAvailable(workspaceId: $id, name: "secret") }"""
    nothing = {"workspace": None, "organization": None, "studioNameAvailable": None}
    assert await asker.data(stranger, query, id=encode("Workspace", world.workspace_id)) == nothing
    assert await asker.data(stranger, query, id=encode("Workspace", new_id())) == nothing


@pytest.mark.parametrize("slug", ["\0", "\ud800"])
async def test_text_that_no_column_holds_is_the_slug_of_nothing(world: World, asker: Asker, slug: str) -> None:
    query = "query ($slug: String!) { workspace(by: { slug: $slug }) { id } organization(by: { slug: $slug }) { id } }"
    assert await asker.data(world.viewer, query, slug=slug) == {"workspace": None, "organization": None}


@pytest.mark.behaviour("B92")
async def test_a_shared_workspace_shows_nothing_of_the_others(database: Database, world: World, asker: Asker) -> None:
    private = await factories.create_workspace(database, "private")
    await factories.create_member(database, private, user_id=world.user_id)
    guest, _ = await factories.create_viewer(database, world.workspace_id, Role.VIEW)
    query = "query ($id: ID!) { node(id: $id) { ... on User { userName email tokens { id } memberships { workspace { slug } } } } }"
    seen = (await asker.data(guest, query, id=encode("User", world.user_id)))["node"]
    assert seen == {"userName": "ada", "email": None, "tokens": None, "memberships": [{"workspace": {"slug": "lab"}}]}
    mine = (await asker.data(world.viewer, query, id=encode("User", world.user_id)))["node"]
    assert {m["workspace"]["slug"] for m in mine["memberships"]} == {"lab", "private"}
    assert len(mine["tokens"]) == 1


BAD_IDS = [
    "",
    "x",
    "U3R1ZGlv",
    encode("Studio", "1"),
    encode("Studio", "../../etc/passwd"),
    encode("Nothing", "0" * 32),
    "\u00e9" * 9,
    "A" * 3000,
]


@pytest.mark.parametrize("text", BAD_IDS)
async def test_text_that_is_no_id_is_named_as_such(world: World, asker: Asker, text: str) -> None:
    for query in [NODE, *ALONE.values()]:
        reply = await asker.ask(world.viewer, query, id=text)
        assert reply.error["code"] == "BAD_ID"
        assert reply.error["argument"] in {"id", "by"}


async def test_the_id_of_something_else_is_named_as_such(world: World, asker: Asker) -> None:
    reply = await asker.ask(world.viewer, ALONE["Studio"], id=encode("Template", world.template_id))
    assert reply.error == {"code": "BAD_ID", "argument": "id"}
    assert reply.errors[0]["message"] == "This is the id of a Template. Use the id of a Studio."


@pytest.mark.behaviour("B94")
@pytest.mark.parametrize("scopes", [[], [TokenScope.CONNECT], [TokenScope.OPERATE, TokenScope.MANAGE]])
async def test_a_token_without_the_scope_reads_nothing_but_whose_it_is(
    database: Database, world: World, asker: Asker, scopes: list[TokenScope]
) -> None:
    viewer, _ = await factories.create_token(database, world.user_id, scopes)
    assert await asker.data(viewer, "{ viewer { userName } serverInfo { version } }")
    for query in (
        '{ workspace(by: { slug: "lab" }) { id } }',
        f'{{ node(id: "{encode("User", world.user_id)}") {{ id }} }}',
        f'{{ studio(id: "{encode("Studio", new_id())}") {{ id }} }}',
    ):
        reply = await asker.ask(viewer, query)
        assert reply.error["code"] == "FORBIDDEN"
        assert "READ" in reply.errors[0]["message"]
    through_me = await asker.ask(viewer, "{ viewer { memberships { workspace { name } } } }")
    assert through_me.error["code"] == "FORBIDDEN"


MEMBERS = """{ workspace(by: { slug: "lab" }) { viewerRole organization { slug } members(first: 2) {
    totalCount pageInfo { hasNextPage } nodes { role user { userName } workspace { slug } } } } }"""


@pytest.mark.behaviour("B90")
async def test_a_workspace_shows_its_members_with_their_roles(database: Database, world: World, asker: Asker) -> None:
    roles = {role.name.lower(): role for role in Role if role is not Role.OWNER}
    for name, role in roles.items():
        viewer, _ = await factories.create_viewer(database, world.workspace_id, role, f"b-{name}")
        seen = (await asker.data(viewer, MEMBERS))["workspace"]
        assert seen["viewerRole"] == role.name
    seen = (await asker.data(world.viewer, MEMBERS))["workspace"]
    assert seen["organization"] == {"slug": "acme"}
    assert seen["members"]["totalCount"] == 6
    assert seen["members"]["pageInfo"] == {"hasNextPage": True}
    assert seen["members"]["nodes"] == [
        {"role": "OWNER", "user": {"userName": "ada"}, "workspace": {"slug": "lab"}},
        {"role": "ADMIN", "user": {"userName": "b-admin"}, "workspace": {"slug": "lab"}},
    ]


@pytest.mark.behaviour("B91")
async def test_a_workspace_tells_who_may_create_studios_in_it(database: Database, world: World, asker: Asker) -> None:
    query = '{ workspace(by: { slug: "lab" }) { viewerCanCreateStudios } }'
    for role in Role:
        viewer, _ = await factories.create_viewer(database, world.workspace_id, role, f"b-{role.name.lower()}")
        seen = (await asker.data(viewer, query))["workspace"]
        assert seen["viewerCanCreateStudios"] == role_allows(Permission.STUDIO_CREATE, role)
    reader = replace(world.viewer, scopes=frozenset({TokenScope.READ}))
    assert (await asker.data(reader, query))["workspace"]["viewerCanCreateStudios"] is False


async def test_the_viewer_sees_their_tokens_without_secrets(database: Database, world: World, asker: Asker) -> None:
    await factories.create_token(database, world.user_id, [TokenScope.READ], name="robot")
    await factories.create_token(database, await factories.create_user(database), name="of another")
    tokens: list[Any] = (await asker.data(world.viewer, "{ viewer { tokens { name scopes hint } } }"))["viewer"]["tokens"]
    assert {token["name"] for token in tokens} == {"test", "robot"}
    assert all(world.secret.startswith(token["hint"]) or token["name"] == "robot" for token in tokens)
    assert world.secret not in str(tokens)
