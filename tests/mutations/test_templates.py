"""Templates, as administrators of a workspace manage them, and as new Studios use them (B71, B72)."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from services.domain.access import Role
from services.domain.limits import MAX_TEMPLATES
from services.domain.provided_release import ProvidedRelease
from services.domain.statuses import Tool
from services.store.db.database import Database
from services.store.tables import core
from tests import factories
from tests.factories import World
from tests.mutations.api import Api, Json, gid, problems
from tests.mutations.recipes import ReleasedRecipes, jupyter

EVENTS = """{ workspace(by: { slug: "lab" }) { events(direction: ASC) { nodes { __typename actor { name }
  ... on TemplateEvent { change templateName fields template { name } } } } } }"""


def new(world: World, **values: Any) -> dict[str, Any]:
    """Returns the input for a template of JupyterLab, from an image."""
    image = {"image": "example/jupyterlab:4.6.6", "tool": "JUPYTERLAB", "toolVersion": "4.6.6"}
    return {"workspaceId": gid("Workspace", world.workspace_id), "name": "JupyterLab", **image, **values}


def of_recipe(world: World, recipe: str = "jupyter", **values: Any) -> dict[str, Any]:
    return {"workspaceId": gid("Workspace", world.workspace_id), "name": "JupyterLab", "recipe": recipe, **values}


async def create(api: Api, world: World, **values: Any) -> Json:
    """Returns the new template."""
    result = await api.mutate(world.viewer, "createTemplate", **new(world, **values))
    assert result["__typename"] == "TemplatePayload", result
    template: Json = result["template"]
    return template


async def refresh(api: Api, world: World, **values: Any) -> Json:
    return await api.mutate(world.viewer, "refreshTemplates", workspaceId=gid("Workspace", world.workspace_id), **values)


async def create_studio(api: Api, world: World, template: Json, name: str = "Analysis", **values: Any) -> Json:
    base = {"workspaceId": gid("Workspace", world.workspace_id), "name": name, "templateId": template["id"], "autoStart": False}
    return await api.mutate(world.viewer, "createStudio", **base, **values)


async def stored(database: Database, *columns: str) -> list[tuple[Any, ...]]:
    """Returns columns of all templates by name."""
    async with database.read() as reader:
        rows = await reader.execute(select(*(core.template.c[column] for column in columns)).order_by(core.template.c.name_key))
        return [tuple(row) for row in rows]


@pytest.mark.behaviour("B71")
async def test_a_template_of_an_image_has_what_was_given(api: Api, world: World) -> None:
    values = {
        "connectVersion": "0.12.1",
        "experimental": True,
        "iconUrl": "https://example.org/icon.svg",
        "port": 8080,
        "singleUser": True,
        "embeddable": False,
        "prefixCapable": True,
    }
    template = await create(api, world, **values, name="  Lab  ", readyPath="/lab")
    requested = {"name": "Lab", "tool": "JUPYTERLAB", "image": "example/jupyterlab:4.6.6", "toolVersion": "4.6.6", **values}
    assert {**template, **requested} == template
    assert (template["recipe"], template["isBuiltHere"], template["status"], template["revision"]) == (None, False, "EXPERIMENTAL", 1)


@pytest.mark.behaviour("B71")
async def test_a_template_of_a_provided_recipe_has_what_the_recipe_says(api: Api, world: World) -> None:
    template = (await api.mutate(world.viewer, "createTemplate", **of_recipe(world)))["template"]
    assert (template["recipe"], template["isBuiltHere"], template["image"]) == ("jupyter", True, "studiograph/jupyter:4.6.6-first")
    assert (template["tool"], template["toolVersion"], template["connectVersion"]) == ("JUPYTERLAB", "4.6.6", "0.1.0")
    assert (template["port"], template["prefixCapable"], template["status"]) == (8888, True, "RECOMMENDED")


async def test_a_recipe_of_the_operator_needs_tool_and_version(api: Api, world: World) -> None:
    result = await api.mutate(world.viewer, "createTemplate", **of_recipe(world, "own"))
    assert problems(result) == [("tool", "REQUIRED"), ("toolVersion", "REQUIRED")]
    own = of_recipe(world, "own", tool="CUSTOM", toolVersion="1")
    assert (await api.mutate(world.viewer, "createTemplate", **own))["template"]["image"] == "studiograph/own:first"


async def test_what_a_provided_recipe_says_cannot_be_given(api: Api, world: World) -> None:
    result = await api.mutate(world.viewer, "createTemplate", **of_recipe(world, toolVersion="9", port=1))
    assert problems(result) == [("toolVersion", "LOCKED"), ("port", "LOCKED")]


@pytest.mark.parametrize(
    ("recipe", "code"),
    [("other", "UNKNOWN"), ("../secrets", "CHARACTERS"), ("/etc", "CHARACTERS"), ("", "CHARACTERS"), ("a\0", "CHARACTERS")],
)
async def test_a_recipe_is_one_that_the_server_has(api: Api, world: World, recipe: str, code: str) -> None:
    assert problems(await api.mutate(world.viewer, "createTemplate", **of_recipe(world, recipe))) == [("recipe", code)]


async def test_an_image_and_a_recipe_exclude_each_other(api: Api, world: World) -> None:
    both = new(world) | {"recipe": "own"}
    neither = {key: value for key, value in new(world).items() if key != "image"}
    for values in (both, neither):
        assert problems(await api.mutate(world.viewer, "createTemplate", **values)) == [("image", "ONE_OF")]


@pytest.mark.behaviour("B71")
async def test_everything_wrong_with_a_template_is_said_at_once(api: Api, world: World) -> None:
    wrong = {
        "name": " ",
        "image": "Not An Image",
        "toolVersion": "latest",
        "connectVersion": "0.1",
        "port": 65536,
        "readyPath": "lab",
        "iconUrl": "http://example.org/icon.png",
    }
    expected = [
        ("name", "LENGTH"),
        ("image", "REFERENCE"),
        ("toolVersion", "VERSION"),
        ("connectVersion", "VERSION"),
        ("port", "RANGE"),
        ("readyPath", "PATH"),
        ("iconUrl", "URL"),
    ]
    assert problems(await api.mutate(world.viewer, "createTemplate", **new(world, **wrong))) == expected
    template_id = gid("Template", world.template_id)
    assert problems(await api.mutate(world.viewer, "updateTemplate", templateId=template_id, **wrong)) == expected


async def test_a_member_cannot_set_a_command_line(api: Api, world: World) -> None:
    """The process kind would run it as the user of the server."""
    result = await api.mutate(world.viewer, "createTemplate", **new(world, tool="CUSTOM", image="sh -c 'id'"))
    assert problems(result) == [("image", "REFERENCE")]


async def test_a_tool_that_there_is_none_of_is_the_callers_mistake(api: Api, world: World) -> None:
    response = await api.run(world.viewer, api.document("createTemplate"), input=new(world, tool="EMACS"))
    assert [error["extensions"]["code"] for error in response["errors"]] == ["INVALID_VARIABLES"]


@pytest.mark.parametrize("name", ["Tiny", " tINY "])
async def test_a_name_is_taken_once_in_a_workspace(api: Api, world: World, name: str) -> None:
    result = await api.mutate(world.viewer, "createTemplate", **new(world, name=name))
    assert (result["__typename"], result["code"], result["field"]) == ("ConflictError", "NAME_TAKEN", ["name"])
    other = await create(api, world)
    result = await api.mutate(world.viewer, "updateTemplate", templateId=other["id"], name=name)
    assert (result["__typename"], result["code"], result["field"]) == ("ConflictError", "NAME_TAKEN", ["name"])


async def test_too_many_templates_are_a_quota_error(api: Api, world: World, database: Database) -> None:
    for number in range(MAX_TEMPLATES - 1):  # and the world's
        await factories.create_template(database, world.workspace_id, f"Template {number}")
    result = await api.mutate(world.viewer, "createTemplate", **new(world))
    assert (result["__typename"], result["code"]) == ("QuotaExceededError", "QUOTA_EXCEEDED")


@pytest.mark.behaviour("B95")
async def test_of_ten_templates_under_one_key_there_is_one(api: Api, world: World) -> None:
    calls = [api.mutate(world.viewer, "createTemplate", **new(world), idempotencyKey="k") for _ in range(10)]
    assert len({result["template"]["id"] for result in await asyncio.gather(*calls)}) == 1


@pytest.mark.behaviour("B71")
async def test_an_edit_changes_what_is_given_and_makes_a_revision(api: Api, world: World) -> None:
    template = await create(api, world, iconUrl="https://example.org/icon.png")
    changed = {"name": "Lab", "toolVersion": "4.7.0", "port": 9000, "iconUrl": None, "experimental": True}
    result = await api.mutate(world.viewer, "updateTemplate", templateId=template["id"], **changed)
    assert result["template"] == {**template, **changed, "status": "EXPERIMENTAL", "revision": 2}
    again = await api.mutate(world.viewer, "updateTemplate", templateId=template["id"], **changed)
    assert again["template"]["revision"] == 2


async def test_a_null_is_refused_where_there_must_be_a_value(api: Api, world: World) -> None:
    result = await api.mutate(world.viewer, "updateTemplate", templateId=gid("Template", world.template_id), name=None, port=None)
    assert problems(result) == [("name", "NULL"), ("port", "NULL")]


async def test_an_image_takes_the_place_of_the_recipe(api: Api, world: World) -> None:
    template = (await api.mutate(world.viewer, "createTemplate", **of_recipe(world)))["template"]
    result = await api.mutate(world.viewer, "updateTemplate", templateId=template["id"], image="example/jupyterlab:1")
    assert (result["template"]["image"], result["template"]["recipe"]) == ("example/jupyterlab:1", None)


@pytest.mark.behaviour("B95")
async def test_a_stale_revision_answers_the_template_as_it_is(api: Api, world: World) -> None:
    template_id = gid("Template", world.template_id)
    await api.mutate(world.viewer, "updateTemplate", templateId=template_id, name="Theirs", expectedRevision=1)
    result = await api.mutate(world.viewer, "updateTemplate", templateId=template_id, name="Mine", expectedRevision=1)
    assert (result["__typename"], result["code"], result["field"]) == ("StaleTemplateError", "STALE_REVISION", ["expectedRevision"])
    assert (result["currentRevision"], result["template"]["name"], result["template"]["revision"]) == (2, "Theirs", 2)


@pytest.mark.behaviour("B86")
async def test_every_change_of_a_template_is_in_the_log_with_who_made_it(api: Api, world: World, recipes: ReleasedRecipes) -> None:
    template = (await api.mutate(world.viewer, "createTemplate", **of_recipe(world)))["template"]
    await api.mutate(world.viewer, "updateTemplate", templateId=template["id"], name="Lab", prefixCapable=False)
    recipes.content = "second"
    await refresh(api, world)
    nodes = (await api.run(world.viewer, EVENTS))["data"]["workspace"]["events"]["nodes"]
    event = {"__typename": "TemplateEvent", "actor": {"name": world.viewer.user_name}, "template": {"name": "Lab"}}
    assert nodes == [
        {**event, "change": "ADDED", "templateName": "JupyterLab", "fields": []},
        {**event, "change": "EDITED", "templateName": "Lab", "fields": ["name", "prefixCapable"]},
        {**event, "change": "EDITED", "templateName": "Lab", "fields": ["image"]},
    ]


@pytest.mark.behaviour("B91")
async def test_who_may_only_maintain_studios_manages_no_templates(api: Api, world: World, database: Database) -> None:
    viewer, _ = await factories.create_viewer(database, world.workspace_id, Role.MAINTAIN)
    result = await api.mutate(viewer, "createTemplate", **of_recipe(world, "../secrets"))
    assert result["__typename"] == "ForbiddenError"
    assert (await api.mutate(viewer, "refreshTemplates", workspaceId=gid("Workspace", world.workspace_id)))[
        "__typename"
    ] == "ForbiddenError"


@pytest.mark.behaviour("B72")
async def test_an_experimental_template_is_used_only_by_opting_in(api: Api, world: World) -> None:
    template = await create(api, world, experimental=True)
    assert problems(await create_studio(api, world, template)) == [("templateId", "EXPERIMENTAL")]
    studio = (await create_studio(api, world, template, acceptExperimental=True))["studio"]
    assert (await api.mutate(world.viewer, "startStudio", studioId=studio["id"]))["__typename"] == "StudioPayload"


@pytest.mark.behaviour("B72")
@pytest.mark.parametrize("newer", ["0.4.0", "1.0.0"])
async def test_an_unsupported_template_serves_no_new_studio_and_those_that_use_it_start(api: Api, world: World, newer: str) -> None:
    template = await create(api, world, connectVersion="0.1.0")
    studio = (await create_studio(api, world, template))["studio"]
    await create(api, world, name="Newer", connectVersion=newer, toolVersion="4.7.0")
    assert problems(await create_studio(api, world, template, "Another", acceptExperimental=True)) == [("templateId", "UNSUPPORTED")]
    assert (await api.mutate(world.viewer, "startStudio", studioId=studio["id"]))["__typename"] == "StudioPayload"


@pytest.mark.behaviour("B72")
async def test_a_deprecated_template_can_be_used(api: Api, world: World) -> None:
    template = await create(api, world)
    await create(api, world, name="Newer", toolVersion="4.7.0", connectVersion="0.3.9")
    assert (await create_studio(api, world, template))["__typename"] == "StudioPayload"


@pytest.mark.behaviour("B72")
async def test_a_clone_uses_an_experimental_template_like_its_source_but_no_unsupported_one(
    api: Api, world: World, database: Database
) -> None:
    studio_id = await factories.create_studio(database, world, "Source")
    await factories.create_checkpoint(database, world, studio_id)
    clone = {"from": {"studioId": gid("Studio", studio_id)}, "autoStart": False}
    await api.mutate(world.viewer, "updateTemplate", templateId=gid("Template", world.template_id), experimental=True)
    assert (await api.mutate(world.viewer, "cloneStudio", **clone, name="First"))["__typename"] == "StudioPayload"
    await create(api, world, connectVersion="0.4.0")
    assert problems(await api.mutate(world.viewer, "cloneStudio", **clone, name="Second")) == [("from", "UNSUPPORTED")]


@pytest.mark.behaviour("B72")
async def test_a_refresh_adds_a_newer_release_and_leaves_the_old_one_to_its_studios(
    api: Api, world: World, database: Database, recipes: ReleasedRecipes
) -> None:
    old = (await api.mutate(world.viewer, "createTemplate", **of_recipe(world, iconUrl="https://example.org/icon.png")))["template"]
    studio = (await create_studio(api, world, old))["studio"]
    recipes.releases["jupyter"] = jupyter("4.7.0", "0.2.0")
    result = await refresh(api, world)
    assert ([template["name"] for template in result["added"]], result["updated"]) == (["JupyterLab 4.7.0"], [])
    assert await stored(database, "name", "tool_version", "connect_version", "image", "icon_url") == [
        ("JupyterLab", "4.6.6", "0.1.0", "studiograph/jupyter:4.6.6-first", "https://example.org/icon.png"),
        ("JupyterLab 4.7.0", "4.7.0", "0.2.0", "studiograph/jupyter:4.7.0-first", "https://example.org/icon.png"),
        ("Tiny", "1.0", "0.1.0", "true", None),
    ]
    query = "query ($id: ID!) { node(id: $id) { ... on Studio { template { name status } } } }"
    used = (await api.run(world.viewer, query, id=studio["id"]))["data"]["node"]["template"]
    assert used == {"name": "JupyterLab", "status": "DEPRECATED"}
    nothing = await refresh(api, world)
    assert (nothing["added"], nothing["updated"]) == ([], [])


@pytest.mark.behaviour("B72")
async def test_a_refresh_names_each_release_by_its_versions(api: Api, world: World, recipes: ReleasedRecipes) -> None:
    await api.mutate(world.viewer, "createTemplate", **of_recipe(world, name="JupyterLab 4.6.6"))
    await create(api, world, name="JupyterLab 4.8.0")
    names = []
    for tool_version, connect_version in (("4.7.0", "0.1.0"), ("4.7.0", "0.1.1"), ("4.8.0", "0.2.0")):
        recipes.releases["jupyter"] = jupyter(tool_version, connect_version)
        names += [template["name"] for template in (await refresh(api, world))["added"]]
    assert names == ["JupyterLab 4.7.0", "JupyterLab 4.7.0 (0.1.1)", "JupyterLab 4.8.0 (0.2.0)"]


@pytest.mark.behaviour("B72")
async def test_a_refresh_replaces_the_image_of_the_same_release_alone(
    api: Api, world: World, database: Database, recipes: ReleasedRecipes
) -> None:
    older = {"tool": "JUPYTERLAB", "tool_version": "4.5.0", "recipe": "jupyter", "image": "studiograph/jupyter:4.5.0"}
    await factories.create_template(database, world.workspace_id, "Older", **older)
    template = (await api.mutate(world.viewer, "createTemplate", **of_recipe(world)))["template"]
    recipes.content = "second"
    result = await refresh(api, world)
    assert (result["added"], [each["id"] for each in result["updated"]]) == ([], [template["id"]])
    assert await stored(database, "image", "revision") == [
        ("studiograph/jupyter:4.6.6-second", 1),
        ("studiograph/jupyter:4.5.0", 1),
        ("true", 1),
    ]


async def test_a_refresh_replaces_the_image_of_the_operators_recipe(api: Api, world: World, recipes: ReleasedRecipes) -> None:
    await api.mutate(world.viewer, "createTemplate", **of_recipe(world, "own", tool="CUSTOM", toolVersion="1"))
    recipes.content = "second"
    assert [template["image"] for template in (await refresh(api, world))["updated"]] == ["studiograph/own:second"]


@pytest.mark.behaviour("B72")
async def test_a_refresh_adds_nothing_older_and_nothing_that_the_workspace_does_not_use(
    api: Api, world: World, recipes: ReleasedRecipes
) -> None:
    assert (await refresh(api, world))["added"] == []
    await api.mutate(world.viewer, "createTemplate", **of_recipe(world))
    recipes.releases = {"jupyter": jupyter("4.5.0"), "other": jupyter("9.0")}
    result = await refresh(api, world)
    assert (result["added"], result["updated"]) == ([], [])


@pytest.mark.behaviour("B72")
async def test_a_refresh_adds_the_provided_recipes_that_are_missing_if_it_is_asked_to(
    api: Api, world: World, database: Database, recipes: ReleasedRecipes
) -> None:
    desktop = ProvidedRelease("Desktop", Tool.XPRA, "3.1.3", icon_url="data:image/png;base64,AA==")
    recipes.releases |= {"desktop": desktop}
    await api.mutate(world.viewer, "createTemplate", **of_recipe(world))
    await create(api, world, name="Desktop", tool="XPRA", toolVersion="3.0")
    added = (await refresh(api, world, addMissing=True))["added"]
    assert [each["name"] for each in added] == ["Desktop 3.1.3"]
    assert ("Desktop 3.1.3", "desktop", desktop.icon_url) in await stored(database, "name", "recipe", "icon_url")
    assert (await refresh(api, world, addMissing=True))["added"] == []


async def test_a_refresh_passes_over_a_recipe_that_is_gone(api: Api, world: World, recipes: ReleasedRecipes) -> None:
    await api.mutate(world.viewer, "createTemplate", **of_recipe(world))
    await api.mutate(world.viewer, "createTemplate", **of_recipe(world, "own", name="Own", tool="CUSTOM", toolVersion="1"))
    recipes.releases = {"jupyter": jupyter("4.7.0")}
    assert [template["name"] for template in (await refresh(api, world))["added"]] == ["JupyterLab 4.7.0"]


@pytest.mark.behaviour("B95")
async def test_a_repeated_refresh_answers_what_the_first_one_added(api: Api, world: World, recipes: ReleasedRecipes) -> None:
    await api.mutate(world.viewer, "createTemplate", **of_recipe(world))
    recipes.releases["jupyter"] = jupyter("4.7.0")
    first = await refresh(api, world, idempotencyKey="k")
    recipes.releases["jupyter"] = jupyter("4.8.0")
    assert await refresh(api, world, idempotencyKey="k") == first
