"""The catalogue of templates: the status of each follows from all templates of its workspace (B71, B72)."""

from typing import Any

import pytest

from schema.ids import encode
from services.store.db.database import Database
from tests import factories
from tests.factories import World
from tests.read.asking import Asker

CATALOGUE = """query ($all: Boolean!) { workspace(by: { slug: "lab" }) {
  templates(includeUnsupported: $all) { name status tool toolVersion } } }"""


async def jupyterlab(database: Database, world: World, tool_version: str, connect_version: str, **values: Any) -> str:
    name = f"JupyterLab {tool_version}-{connect_version}"
    versions = {"tool_version": tool_version, "connect_version": connect_version}
    return await factories.create_template(database, world.workspace_id, name, tool="JUPYTERLAB", **versions, **values)


async def statuses(asker: Asker, world: World, *, include_unsupported: bool = True) -> list[tuple[str, str]]:
    data = await asker.data(world.viewer, CATALOGUE, all=include_unsupported)
    return [(template["name"], template["status"]) for template in data["workspace"]["templates"]]


@pytest.mark.behaviour("B72")
async def test_the_catalogue_begins_with_what_is_recommended_then_by_tool_and_newest(
    database: Database, world: World, asker: Asker
) -> None:
    for tool_version, connect_version in (("4.6.6", "0.1.0"), ("4.10.1", "0.4.1"), ("4.9.0", "0.2.0"), ("4.9.0", "0.3.0")):
        await jupyterlab(database, world, tool_version, connect_version)
    await jupyterlab(database, world, "5.0.0rc1", "0.4.0", experimental=True)
    await factories.create_template(database, world.workspace_id, "Desktop", tool="XPRA", tool_version="6.2", connect_version="0.3.0")
    await factories.create_template(database, world.workspace_id, "Mine", tool="CUSTOM", connect_version="0.2.5")
    expected = [
        ("JupyterLab 4.10.1-0.4.1", "RECOMMENDED"),
        ("Desktop", "RECOMMENDED"),
        ("Mine", "RECOMMENDED"),
        ("JupyterLab 5.0.0rc1-0.4.0", "EXPERIMENTAL"),
        ("JupyterLab 4.9.0-0.3.0", "DEPRECATED"),
        ("JupyterLab 4.9.0-0.2.0", "DEPRECATED"),
    ]
    too_old = [("JupyterLab 4.6.6-0.1.0", "UNSUPPORTED"), ("Tiny", "UNSUPPORTED")]
    assert await statuses(asker, world) == expected + too_old
    assert await statuses(asker, world, include_unsupported=False) == expected


@pytest.mark.behaviour("B72")
async def test_a_studio_shows_the_present_status_of_its_template(database: Database, world: World, asker: Asker) -> None:
    template_id = await jupyterlab(database, world, "4.6.6", "0.1.0")
    studio_id = await factories.create_studio(database, world, template_id=template_id)
    query = "query ($id: ID!) { node(id: $id) { ... on Studio { template { status } } } }"

    async def status() -> str:
        text: str = (await asker.data(world.viewer, query, id=encode("Studio", studio_id)))["node"]["template"]["status"]
        return text

    seen = [await status()]
    await jupyterlab(database, world, "4.7.0", "0.1.0")
    seen.append(await status())
    await jupyterlab(database, world, "4.7.0", "0.4.0")
    seen.append(await status())
    assert seen == ["RECOMMENDED", "DEPRECATED", "UNSUPPORTED"]


@pytest.mark.behaviour("B72")
async def test_templates_of_other_workspaces_count_for_nothing(database: Database, world: World, asker: Asker) -> None:
    elsewhere = await factories.create_workspace(database)
    await factories.create_member(database, elsewhere, user_id=world.user_id)
    newest = {"tool": "JUPYTERLAB", "tool_version": "9.0", "connect_version": "9.9.0"}
    await factories.create_template(database, elsewhere, "Newest", **newest)
    await jupyterlab(database, world, "4.6.6", "0.1.0")
    assert await statuses(asker, world) == [("JupyterLab 4.6.6-0.1.0", "RECOMMENDED"), ("Tiny", "RECOMMENDED")]


async def test_the_statuses_of_many_templates_take_one_statement(database: Database, world: World, asker: Asker) -> None:
    counts = []
    for number in (1, 20):
        for index in range(number):
            await jupyterlab(database, world, f"4.{number}.{index}", "0.1.0")
        counts.append(await asker.statements(world.viewer, CATALOGUE, all=True))
    assert counts[0] == counts[1]


@pytest.mark.behaviour("B71")
async def test_a_template_says_how_its_image_is_made_and_reached(database: Database, world: World, asker: Asker) -> None:
    values = {"recipe": "jupyter", "icon_url": "https://example.org/icon.png", "prefix_capable": True, "single_user": True}
    template_id = await jupyterlab(database, world, "4.6.6", "0.1.0", image="studiograph/jupyter:4.6.6", **values)
    fields = "tool image toolVersion connectVersion iconUrl port singleUser prefixCapable recipe isBuiltHere experimental revision"
    query = f"query ($id: ID!) {{ node(id: $id) {{ ... on Template {{ {fields} }} }} }}"
    assert (await asker.data(world.viewer, query, id=encode("Template", template_id)))["node"] == {
        "tool": "JUPYTERLAB",
        "image": "studiograph/jupyter:4.6.6",
        "toolVersion": "4.6.6",
        "connectVersion": "0.1.0",
        "iconUrl": "https://example.org/icon.png",
        "port": 8888,
        "singleUser": True,
        "prefixCapable": True,
        "recipe": "jupyter",
        "isBuiltHere": True,
        "experimental": False,
        "revision": 1,
    }
    plain = (await asker.data(world.viewer, query, id=encode("Template", world.template_id)))["node"]
    assert (plain["recipe"], plain["isBuiltHere"]) == (None, False)
