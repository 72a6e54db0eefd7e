"""Studios with Conda packages, through the API on a real engine: built, used in a notebook, shared, cloned, refused."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from schema.ids import encode
from services.store.tables import core
from tests.docker.built import BASE, HOST_STORE, provided
from tests.docker.conda_channel import NATIVE, ChannelPackage, CondaChannel, served_channel
from tests.docker.migrations import add_release, migrate
from tests.docker.recipe_jobs import ended, log, logged, write
from tests.docker.server import Job, docker_job
from tests.docker.tiny_image import docker, tiny_image
from tests.docker.visitor import notebook
from tests.waiting import eventually

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.behaviour("B76")]
CREATE = """mutation($input: CreateStudioInput!) { createStudio(input: $input) {
  ... on StudioPayload { studio { id status } }
  ... on InvalidInputError { problems { field code message } } ... on Error { message } } }"""
UPDATE = """mutation($input: UpdateStudioInput!) { updateStudio(input: $input) {
  ... on StudioPayload { studio { revision configuration { condaEnvironment } } }
  ... on InvalidInputError { problems { field code message } } ... on Error { message } } }"""
RETRY = (
    "mutation($id: ID!) { retryBuild(input: { studioId: $id }) { ... on StudioPayload { studio { status } } ... on Error { message } } }"
)
CLONE = """mutation($input: CloneStudioInput!) { cloneStudio(input: $input) {
  ... on StudioPayload { studio { id configuration { condaEnvironment } } } ... on Error { message } } }"""
PROGRESS = "query($id: ID!) { studio(id: $id) { progress { title message } } }"
TINY = "dependencies:\n  - tinytool=1.2.3\n  - tinyprogram\n"


@dataclass
class CondaJob:
    """A server whose template is JupyterLab, and the channel that it builds from."""

    job: Job
    channel: CondaChannel
    template: str
    workspace: str

    async def create(self, name: str, text: str, **fields: Any) -> dict[str, Any]:
        """Creates a Studio, which becomes that of the job; returns what the mutation answers."""
        values = {"name": name, "condaEnvironment": text, "templateId": self.template, "workspaceId": self.workspace, **fields}
        created: dict[str, Any] = (await self.job.server.graphql(CREATE, {"input": values}))["createStudio"]
        if "studio" in created:
            self.job.studio = created["studio"]["id"]
        return created

    async def update(self, text: str | None) -> dict[str, Any]:
        values = {"studioId": self.job.studio, "condaEnvironment": text}
        updated: dict[str, Any] = (await self.job.server.graphql(UPDATE, {"input": values}))["updateStudio"]
        return updated

    async def builds(self) -> list[tuple[str, str]]:
        """Returns reference and state of each build, in order."""
        build = core.build.c
        async with self.job.database.read() as reader:
            rows = await reader.execute(select(build.reference, build.state).order_by(build.created_at))
            return [(row.reference, row.state) for row in rows]

    async def printed(self, cell: str) -> str:
        """Runs a cell in the default kernel of the job's Studio."""
        async with notebook(self.job) as opened:
            return await opened.run(cell)


@asynccontextmanager
async def conda_job(
    tmp_path: Path, sqlite_url: str, image: str, *, tool: str = "CUSTOM", recipe: str, **options: Any
) -> AsyncIterator[CondaJob]:
    """A job whose template is the image of a recipe. The images that are built are gone at the end."""
    settings: dict[str, Any] = {
        "image_base": BASE,
        "image_certificates": str(HOST_STORE) if HOST_STORE.exists() else "",
        "conda_channels": "local",
    }
    async with (
        served_channel(tmp_path / "channel") as channel,
        docker_job(tmp_path, sqlite_url, image=image, conda_base_url=channel.base_url, **settings, **options) as job,
    ):
        async with job.database.write() as transaction:
            await transaction.execute(update(core.template).values(tool=tool, recipe=recipe))
        world = job.server.world
        made = CondaJob(job, channel, encode("Template", world.template_id), encode("Workspace", world.workspace_id))
        try:
            yield made
        finally:
            references = {reference for reference, _ in await made.builds()}
    for reference in references:
        if docker("images", "-q", reference):
            docker("rmi", "-f", reference)


@pytest.fixture
async def conda(tmp_path: Path, sqlite_url: str) -> AsyncIterator[CondaJob]:
    """JupyterLab, as it is provided."""
    async with conda_job(tmp_path, sqlite_url, await provided("jupyter"), tool="JUPYTERLAB", recipe="jupyter", port=8888) as made:
        yield made


async def test_packages_are_built_into_the_image_and_work_in_notebooks_and_terminals(conda: CondaJob) -> None:
    conda.channel.gate.clear()
    created = await conda.create("Tiny", TINY + "  - pip:\n      - iniconfig\n")
    assert created["studio"]["status"] == "BUILDING"
    await logged(conda.job, "Solving")
    assert (await conda.job.look())["status"] == "BUILDING"
    conda.channel.gate.set()
    await ended(conda.job, "RUNNING")
    text = await log(conda.job)
    assert "tinytool 1.2.3 0" in text
    assert "Successfully tagged" in text
    async with notebook(conda.job) as opened:
        assert await opened.run("import sys, tinytool, iniconfig; print(sys.prefix, tinytool.answer)") == "/opt/conda 42"
        printed = await opened.run("!tinyprogram; which python pip; echo $TINY_HOME")
        assert printed.split() == ["from", "/opt/conda", "/opt/conda/bin/python", "/opt/conda/bin/pip", "/opt/conda/share/tiny"]
        assert await opened.run("!test -e /opt/solver || echo no solver") == "no solver"
    [(reference, _)] = await conda.builds()
    stage = f"{conda.job.server.world.compute_environment_id}/{reference}"
    assert docker("images", "--quiet", "--filter", "dangling=true", "--filter", f"label=studiograph.stage-of={stage}") == ""


async def test_what_cannot_be_solved_fails_with_the_reason_and_is_edited_and_built_again(conda: CondaJob) -> None:
    await conda.create("Unsolvable", "dependencies: [tinytool >=2]")
    failed = await ended(conda.job, "BUILD_FAILED")
    assert "The packages cannot be installed together" in failed["statusMessage"]
    assert "tinyprogram >=9" in failed["statusMessage"]
    assert "conda-error" in await log(conda.job)
    updated = await conda.update("dependencies: [tinytool <2]")
    assert updated["studio"] == {"revision": 2, "configuration": {"condaEnvironment": "dependencies: [tinytool <2]"}}
    assert "studio" in (await conda.job.server.graphql(RETRY, {"id": conda.job.studio}))["retryBuild"]
    await ended(conda.job, "RUNNING")
    assert await conda.printed("import tinytool; print(tinytool.answer)") == "42"
    assert [state for _, state in await conda.builds()] == ["FAILED", "SUCCEEDED"]


async def test_a_build_is_retried_once_the_channel_has_what_it_lacked(conda: CondaJob) -> None:
    await conda.create("Early", "dependencies: [tinyprogram >=9]")
    failed = await ended(conda.job, "BUILD_FAILED")
    assert "No candidates were found for tinyprogram >=9" in failed["statusMessage"]
    await conda.channel.add(ChannelPackage("tinyprogram", "9.0", {"bin/tinyprogram": b"#!/bin/sh\necho nine\n"}, subdir=NATIVE))
    assert "studio" in (await conda.job.server.graphql(RETRY, {"id": conda.job.studio}))["retryBuild"]
    await ended(conda.job, "RUNNING")
    assert (await conda.printed("!tinyprogram; which python")).split() == ["nine", "/opt/jupyter/bin/python"]


async def test_a_stop_ends_the_build_on_the_engine(conda: CondaJob) -> None:
    conda.channel.gate.clear()
    await conda.create("Stopped", TINY)
    await logged(conda.job, "Installing")
    await conda.job.stop()
    assert (await conda.job.look())["status"] == "STOPPED"

    async def nothing_builds() -> bool:
        return "/opt/build/install" not in docker("ps", "--no-trunc", "--format", "{{.Command}}")

    await eventually(nothing_builds)
    assert [state for _, state in await conda.builds()] == ["CANCELLED"]


async def test_equal_environments_are_built_once_for_all_who_wait(conda: CondaJob) -> None:
    conda.channel.gate.clear()
    studios = []
    for name, text in (("One", TINY), ("Two", f"name: mine\n# the same\nchannels: [local]\n{TINY}")):
        await conda.create(name, text)
        studios.append(conda.job.studio)
    await logged(conda.job, "Installing")
    conda.channel.gate.set()
    for studio in studios:
        conda.job.studio = studio
        await ended(conda.job, "RUNNING")
    await conda.create("Three", TINY)
    await ended(conda.job, "RUNNING")
    assert [state for _, state in await conda.builds()] == ["SUCCEEDED"]
    assert conda.channel.fetched("tinytool") == 1


@pytest.mark.behaviour("B42")
async def test_checkpoints_and_clones_have_the_packages_and_need_no_build(conda: CondaJob) -> None:
    await conda.create("Source", TINY)
    await ended(conda.job, "RUNNING")
    await conda.job.stop()
    await conda.job.status("STOPPED")
    [(reference, _)] = await conda.builds()
    async with conda.job.database.write() as transaction:  # as after a refresh of the template
        await transaction.execute(update(core.template).values(image="studiograph/jupyter:newer"))
    docker("rmi", reference)
    source = conda.job.studio
    values = {"from": {"studioId": source}, "name": "Clone", "autoStart": False}
    clone = (await conda.job.server.graphql(CLONE, {"input": values}))["cloneStudio"]["studio"]
    assert clone["configuration"]["condaEnvironment"] == TINY
    for studio in (clone["id"], source):
        conda.job.studio = studio
        [problem] = (await conda.update("dependencies: [tinyprogram]"))["problems"]
        assert problem["code"] == "LOCKED"
        await conda.job.start()
        await ended(conda.job, "RUNNING")
        assert await conda.printed("import tinytool; print(tinytool.answer)") == "42"
    assert len(await conda.builds()) == 1


async def test_a_server_killed_in_the_middle_of_a_build_builds_on_when_it_is_back(conda: CondaJob) -> None:
    conda.channel.gate.clear()
    await conda.create("Killed", TINY)
    await logged(conda.job, "Installing")
    await conda.job.server.kill9()
    conda.channel.gate.set()
    await conda.job.server.start()
    await ended(conda.job, "RUNNING")
    assert "begins again" in await log(conda.job)
    assert await conda.printed("import tinytool; print(tinytool.answer)") == "42"
    assert len(await conda.builds()) == 1


@pytest.mark.behaviour("B74")
async def test_a_migration_installs_the_packages_on_the_newer_template(conda: CondaJob) -> None:
    image = await provided("jupyter")
    newer = "studiograph-test/jupyter-newer:1"
    docker("build", "--quiet", "--tag", newer, "-", data=f"FROM {image}\nRUN echo newer >/opt/release\n".encode())
    await add_release(conda.job, newer, tool="JUPYTERLAB", old="4.6.6", new="4.7.0", port=8888)
    async with conda.job.database.write() as transaction:
        await transaction.execute(update(core.template).where(core.template.c.tool_version == "4.7.0").values(recipe="jupyter"))
    await conda.create("Source", TINY)
    await ended(conda.job, "RUNNING")
    await conda.printed("!echo mine >/workspace/notes.txt")
    await conda.job.stop()
    await conda.job.status("STOPPED")
    migration = await migrate(conda.job)
    await migration.status("RUNNING")
    conda.job.studio = migration.studio
    printed = await conda.printed("import tinytool; print(tinytool.answer, *[open(p).read() for p in ('/opt/release', 'notes.txt')])")
    assert printed.split() == ["42", "newer", "mine"]
    assert [state for _, state in await conda.builds()] == ["SUCCEEDED", "SUCCEEDED"]


async def test_what_pip_cannot_install_fails_with_what_pip_says(conda: CondaJob) -> None:
    await conda.create("Unknown", "dependencies: [python, {pip: [iniconfig==0.0.999]}]")
    failed = await ended(conda.job, "BUILD_FAILED")
    assert "could not be built: The packages of pip could not be installed: Could not find a version" in failed["statusMessage"]


async def test_a_channel_that_is_not_there_fails_with_its_address(conda: CondaJob) -> None:
    await conda.create("Nowhere", "channels: [elsewhere]\ndependencies: [python]")
    failed = await ended(conda.job, "BUILD_FAILED")
    assert (
        f"A channel cannot be read: could not find subdir 'noarch' in channel '{conda.channel.base_url}/elsewhere"
        in failed["statusMessage"]
    )


async def test_the_image_of_an_own_recipe_is_built_first_and_once_where_it_is_missing(tmp_path: Path, sqlite_url: str) -> None:
    """Of two environments that need it at the same time."""
    write(tmp_path, f"FROM {tiny_image()}", "RUN echo the-recipe")
    template = f"studiograph-test/own-{uuid4().hex[:12]}:1"
    async with conda_job(tmp_path, sqlite_url, template, recipe="tool", port=8000, images_dir=str(tmp_path / "images")) as conda:
        studios = []
        for name, text in (("One", "dependencies: [tinyprogram]"), ("Two", "dependencies: [tinyprogram=1.0]")):
            await conda.create(name, text)
            studios.append(conda.job.studio)
        steps = []
        for studio in studios:
            conda.job.studio = studio
            await ended(conda.job, "RUNNING")
            steps.append("RUN echo the-recipe" in await log(conda.job))
        assert sorted(steps) == [False, True]
        for container in conda.job.containers():
            assert docker("exec", container, "tinyprogram") == "from /opt/conda"
    docker("rmi", "-f", template)
