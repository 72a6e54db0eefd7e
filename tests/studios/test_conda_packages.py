"""Conda packages of Studios: which Studios can have them, which image a session begins from, and when they can be changed."""

from typing import Any

import pytest
from sqlalchemy import update

from services.commands import CommandRunner
from services.conda.channels import ChannelPolicy
from services.domain.errors import InvalidInput
from services.domain.time_policy import TimePolicy
from services.domain.unset import UNSET
from services.secrets.secret_box import SecretBox
from services.store import templates
from services.store.db.database import Database
from services.store.db.wakeups import Wakeups
from services.store.tables import core
from services.studios.conda_images import CondaImages
from services.studios.requests import (
    CloneStudioRequest,
    CreateStudioRequest,
    MigrateStudioRequest,
    StartStudioRequest,
    StudioActionRequest,
    UpdateStudioRequest,
)
from services.studios.studios import Studios
from tests import factories
from tests.factories import World
from tests.studios.conftest import set_status, studio_row

pytestmark = pytest.mark.behaviour("B76")
NUMPY = "dependencies: [numpy]"


@pytest.fixture(autouse=True)
async def recipe(database: Database, world: World) -> None:
    """The world's template is built on the world's compute environment."""
    async with database.write() as transaction:
        await transaction.execute(update(core.template).values(image="studiograph/jupyter:1", recipe="jupyter", tool="JUPYTERLAB"))
        await transaction.execute(update(core.compute_environment).values(kind="docker"))


async def change(database: Database, table: Any, **values: Any) -> None:
    async with database.write() as transaction:
        await transaction.execute(update(table).values(**values))


async def create(studios: Studios, world: World, text: str = NUMPY, name: str = "Cells", *, auto_start: bool = True) -> str:
    request = CreateStudioRequest(world.workspace_id, name, world.template_id, conda_environment=text, auto_start=auto_start)
    return (await studios.create(world.viewer, request)).studio_id


async def rows(database: Database, table: Any) -> list[dict[str, Any]]:
    async with database.read() as reader:
        return [dict(row) for row in (await reader.execute(table.select().order_by(table.c.created_at))).mappings()]


async def refusals(studios: Studios, world: World, text: str = NUMPY) -> list[tuple[str, str]]:
    """Returns code and message of each problem, all of them of the field."""
    with pytest.raises(InvalidInput) as caught:
        await create(studios, world, text)
    assert {problem.field for problem in caught.value.problems} == {("conda_environment",)}
    return [(problem.code, problem.message) for problem in caught.value.problems]


async def test_a_studio_with_packages_begins_with_a_build_of_its_own_image(database: Database, studios: Studios, world: World) -> None:
    studio = await create(studios, world)
    row = await studio_row(database, studio)
    assert (row["status"], row["conda_environment"]) == ("BUILDING", NUMPY)
    [build] = await rows(database, core.build)
    assert build["reference"].startswith("studiograph/jupyter-conda:")
    assert build["recipe"] == {
        "directory": "jupyter",
        "conda": {
            "base": "studiograph/jupyter:1",
            "channels": ["https://conda.anaconda.org/conda-forge"],
            "packages": ["numpy"],
            "pip": [],
            "kernel": True,
        },
    }
    [session] = await rows(database, core.session)
    assert session["configuration"]["image"] == build["reference"]


async def test_the_text_is_kept_as_it_was_written(database: Database, studios: Studios, world: World) -> None:
    text = "# what we need\ndependencies:\n  - numpy  # numbers\n"
    assert (await studio_row(database, await create(studios, world, text, auto_start=False)))["conda_environment"] == text
    assert await rows(database, core.build) == []


async def test_equal_environments_share_a_build_and_others_do_not(database: Database, studios: Studios, world: World) -> None:
    await create(studios, world, NUMPY, "One")
    await create(studios, world, "name: other\nchannels: [conda-forge]\ndependencies: [NumPy, numpy]", "Two")
    assert len(await rows(database, core.build)) == 1
    await create(studios, world, "channels: [bioconda]\ndependencies: [numpy]", "Three")
    await change(database, core.template, image="studiograph/jupyter:2")
    await create(studios, world, NUMPY, "Four")
    assert len({build["reference"] for build in await rows(database, core.build)}) == 3


async def test_another_installer_makes_another_image(database: Database, world: World) -> None:
    async with database.read() as reader:
        template = await templates.find(reader, world.template_id)
    assert template
    images = {CondaImages(installer=digest).image(template, NUMPY).reference for digest in ("a", "b")}
    assert len(images) == 2


async def test_every_problem_of_the_text_is_told_with_its_place(studios: Studios, world: World) -> None:
    [(channel, first), (package, second)] = await refusals(studios, world, "channels: [defaults]\ndependencies: [numpy latest]")
    assert (channel, package) == ("CHANNEL", "PACKAGE")
    assert first.startswith("Line 1, column 12: `defaults`")
    assert second.startswith("Line 2, column 16: 'numpy latest' asks for no package.")


async def test_a_template_that_is_not_built_here_cannot_have_packages(database: Database, studios: Studios, world: World) -> None:
    await change(database, core.template, recipe=None)
    [(code, message)] = await refusals(studios, world)
    assert code == "TEMPLATE"
    assert "choose a provided template" in message


async def test_sessions_without_images_cannot_have_packages(database: Database, studios: Studios, world: World) -> None:
    await change(database, core.compute_environment, kind="process")
    [(code, message)] = await refusals(studios, world)
    assert code == "COMPUTE_ENVIRONMENT"
    assert "runs sessions without images" in message


async def test_packages_can_be_changed_until_files_are_saved(database: Database, studios: Studios, world: World) -> None:
    studio = await create(studios, world)
    await set_status(database, studio, "BUILD_FAILED")
    await change(database, core.session, saved=True)
    await studios.update(world.viewer, UpdateStudioRequest(studio, conda_environment="dependencies: [scipy]"))
    await studios.retry_build(world.viewer, StudioActionRequest(studio))
    assert [build["recipe"]["conda"]["packages"] for build in await rows(database, core.build)] == [["numpy"], ["scipy"]]
    await set_status(database, studio, "STOPPED")
    assert (await _locked(studios, world, studio)).startswith("The Studio has saved files")
    await change(database, core.session, saved=True)
    await studios.update(world.viewer, UpdateStudioRequest(studio, conda_environment=None))
    await factories.create_checkpoint(database, world, studio)
    assert "create a new Studio" in await _locked(studios, world, studio)
    await studios.update(world.viewer, UpdateStudioRequest(studio, conda_environment=None, description="More"))


async def test_an_edit_checks_the_text(database: Database, studios: Studios, world: World) -> None:
    studio = await create(studios, world, auto_start=False)
    with pytest.raises(InvalidInput, match="Line 1, column 1: An environment is a mapping"):
        await studios.update(world.viewer, UpdateStudioRequest(studio, conda_environment="numpy"))
    await studios.update(world.viewer, UpdateStudioRequest(studio, description="kept", conda_environment=UNSET))
    assert (await studio_row(database, studio))["conda_environment"] == NUMPY


@pytest.mark.behaviour("B42")
async def test_a_clone_keeps_the_packages_and_needs_no_build(database: Database, studios: Studios, world: World) -> None:
    source = await create(studios, world, auto_start=False)
    await factories.create_checkpoint(database, world, source)
    await change(database, core.template, image="studiograph/jupyter:2")
    clone = (await studios.clone(world.viewer, CloneStudioRequest("Clone", source))).studio_id
    assert (await studio_row(database, clone))["conda_environment"] == NUMPY
    await studios.start(world.viewer, StartStudioRequest(source))
    assert await rows(database, core.build) == []
    assert [session["configuration"]["image"] for session in await rows(database, core.session)] == [None, None]
    await set_status(database, clone, "STOPPED")
    await _locked(studios, world, clone)


async def test_a_channel_that_is_no_longer_allowed_refuses_the_next_first_start(
    database: Database, studios: Studios, world: World, strict_studios: Studios
) -> None:
    studio = await create(studios, world, auto_start=False)
    with pytest.raises(InvalidInput, match="'conda-forge' is not allowed on this server"):
        await strict_studios.start(world.viewer, StartStudioRequest(studio))
    assert (await studio_row(database, studio))["status"] == "STOPPED"


async def test_a_server_can_switch_packages_off(database: Database, studios: Studios, world: World, box: SecretBox) -> None:
    strict = _commands(database, box, CondaImages(enabled=False))
    assert [code for code, _ in await refusals(strict, world)] == ["DISABLED"]
    new = await create(studios, world, auto_start=False)
    with pytest.raises(InvalidInput, match="switched off on this server"):
        await strict.start(world.viewer, StartStudioRequest(new))
    saved = await create(studios, world, name="Saved", auto_start=False)
    await factories.create_checkpoint(database, world, saved)
    await strict.start(world.viewer, StartStudioRequest(saved))
    assert (await studio_row(database, saved))["status"] == "STARTING"


@pytest.mark.behaviour("B73", "B74")
async def test_a_plan_of_a_migration_foresees_that_packages_are_no_longer_allowed(
    database: Database, studios: Studios, strict_studios: Studios, world: World
) -> None:
    await change(database, core.template, tool_version="4.0")
    newer = {"tool": "JUPYTERLAB", "tool_version": "4.6", "image": "studiograph/jupyter:2", "recipe": "jupyter"}
    await factories.create_template(database, world.workspace_id, "Newer", **newer)
    studio = await create(studios, world, auto_start=False)
    await factories.create_checkpoint(database, world, studio)
    request = MigrateStudioRequest(studio)
    async with database.read() as reader:
        assert (await studios.plan_migration(reader, world.viewer, request)).blockers == []
        [blocker] = (await strict_studios.plan_migration(reader, world.viewer, request)).blockers
    with pytest.raises(InvalidInput) as caught:
        await strict_studios.migrate(world.viewer, request)
    assert str(blocker) == str(caught.value)
    assert "is not allowed on this server" in str(blocker)


def _commands(database: Database, box: SecretBox, conda: CondaImages) -> Studios:
    return Studios(CommandRunner(database, b"key"), TimePolicy(), box, "installation", Wakeups(database), conda)


@pytest.fixture
def strict_studios(database: Database, box: SecretBox) -> Studios:
    return _commands(database, box, CondaImages(ChannelPolicy(allowed=("ours",))))


async def _locked(studios: Studios, world: World, studio: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        await studios.update(world.viewer, UpdateStudioRequest(studio, conda_environment="dependencies: [pandas]"))
    [problem] = caught.value.problems
    assert problem.code == "LOCKED"
    return problem.message
