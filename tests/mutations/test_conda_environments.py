"""Conda environments of Studios, as clients give and read them."""

import pytest
from sqlalchemy import update

from services.store.db.database import Database
from services.store.tables import core
from tests.factories import World
from tests.mutations.api import Api, Json, gid, problems

pytestmark = pytest.mark.behaviour("B76")
READ = "query($id: ID!) { studio(id: $id) { configuration { condaEnvironment } } }"
NUMPY = "dependencies: [numpy]"


@pytest.fixture(autouse=True)
async def recipe(database: Database, world: World) -> None:
    """The world's template is built on the world's compute environment."""
    async with database.write() as transaction:
        await transaction.execute(update(core.template).values(image="studiograph/jupyter:1", recipe="jupyter"))
        await transaction.execute(update(core.compute_environment).values(kind="docker"))


async def create(api: Api, world: World, text: str) -> Json:
    ids = {"workspaceId": gid("Workspace", world.workspace_id), "templateId": gid("Template", world.template_id)}
    return await api.mutate(world.viewer, "createStudio", **ids, name="Cells", condaEnvironment=text, autoStart=False)


async def test_an_environment_is_given_read_edited_and_removed(api: Api, world: World) -> None:
    result = await create(api, world, NUMPY)
    assert result["__typename"] == "StudioPayload", result
    studio = result["studio"]["id"]
    for text in (NUMPY, "dependencies: [scipy]", None):
        await api.mutate(world.viewer, "updateStudio", studioId=studio, condaEnvironment=text)
        answer = await api.run(world.viewer, READ, id=studio)
        assert answer["data"]["studio"]["configuration"]["condaEnvironment"] == text


async def test_the_problems_of_a_text_are_those_of_the_field(api: Api, world: World) -> None:
    result = await create(api, world, "channels: [defaults]\ndependencies: [x y z q, {pip: ['-r x']}]\nvariables: {}")
    assert problems(result) == [("condaEnvironment", code) for code in ("CHANNEL", "PACKAGE", "PIP", "KEY")]
