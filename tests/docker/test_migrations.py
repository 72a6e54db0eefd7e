"""Migrations on a real engine: the files of a session over the image of a newer release (B74, B75)."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.compute.docker import DockerCompute
from services.compute.protocol import ImageSpec, Saved
from services.domain.session_name import SessionName
from services.store.tables import core
from tests.compute.world import ask_json, get, put
from tests.docker.engine import ENVIRONMENT, URL
from tests.docker.images import variant
from tests.docker.migrations import add_release, attempts, migrate
from tests.docker.server import Job, docker_job
from tests.docker.tiny_image import docker, tool_command

pytestmark = pytest.mark.docker
KILLS = 4
LONGEST_START_S = 2.0
"""Seconds in which the first start of a migrated tiny tool is over: the kills fall before, between and after its steps."""


PYTHON = tool_command()[0]
PACKAGES = f"{Path(PYTHON).parents[1]}/lib/{Path(PYTHON).name}/site-packages"
LINK_PYTHON = json.dumps([PYTHON, "-c", f"import os; os.symlink({PYTHON!r}, '/bin/python3'); os.makedirs({PACKAGES!r}, exist_ok=True)"])
INSTALL = """import pathlib
packages = pathlib.Path({packages!r})
packages.joinpath("chart.py").write_text("import colours")
info = packages / "chart-1.0.dist-info"
info.mkdir()
info.joinpath("METADATA").write_text("Metadata-Version: 2.1\\nName: chart\\nVersion: 1.0\\n")
info.joinpath("RECORD").write_text("chart.py,,\\nchart-1.0.dist-info/METADATA,,\\n")
pathlib.Path("/bin/plot").write_text("#!/opt/runtime-1\\n")
"""
"""Installs a package that needs a module which only the first release has, and a program that is run by what only that has."""


def release(number: int) -> str:
    """An image of the tiny tool with files of its own; the first release has a module and an interpreter that later ones lack."""
    files = f"RUN echo {number} >/opt/release && echo {number} >/opt/both && echo {number} >/opt/only-{number}"
    first = (f"RUN touch {PACKAGES}/colours.py && mv /bin/nice /opt/runtime-1",) if number == 1 else ()
    return variant(f"migration-{number}", f"RUN {LINK_PYTHON}", files, *first, f"ENV RELEASE={number}").image


@pytest.fixture
async def job(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Job]:
    """A Studio on the older of two releases."""
    async with docker_job(tmp_path, sqlite_url, image=release(1)) as job:
        await add_release(job, release(2))
        yield job


async def work(job: Job) -> None:
    """Starts the original, and leaves in it what a person would."""
    await job.start()
    await job.status("RUNNING")
    await put(await job.upstream(), "notes.txt", b"mine")
    docker("exec", job.containers()[0], "sh", "-c", "echo mine >/opt/both; rm /opt/only-1")


async def stopped_after_work(job: Job) -> None:
    await work(job)
    await job.stop()
    await job.status("STOPPED")


@pytest.mark.behaviour("B74")
async def test_a_migrated_studio_has_the_files_of_the_session_and_those_of_the_new_release(job: Job) -> None:
    await stopped_after_work(job)
    migration = await migrate(job)
    await migration.status("RUNNING")
    assert await get(await migration.upstream(), "notes.txt") == b"mine"
    [container] = job.containers()
    assert docker("exec", container, "cat", "/opt/release", "/opt/only-2", "/opt/both").split() == ["2", "2", "mine"]
    assert docker("exec", container, "ls", "/opt").split() == ["both", "only-2", "release", "tiny.py"]
    assert (await ask_json(await migration.upstream(), "/env"))["RELEASE"] == "2"
    result = await migration.result()
    assert [(issue["kind"], issue["subject"]) for issue in result["issues"]] == [("FILE_CONFLICT", "/opt/both")]


@pytest.mark.behaviour("B74")
async def test_the_original_is_not_touched_and_neither_studio_reaches_the_other(job: Job) -> None:
    await stopped_after_work(job)
    await job.start()
    await job.status("RUNNING")
    await put(await job.upstream(), "later.txt", b"not saved yet")
    migration = await migrate(job)
    await migration.status("RUNNING")
    assert (await job.look())["status"] == "RUNNING"
    assert await get(await migration.upstream(), "later.txt") is None
    await put(await migration.upstream(), "notes.txt", b"of the new one")
    assert await get(await job.upstream(), "notes.txt") == b"mine"
    await job.stop()
    await job.status("STOPPED")
    await migration.discard()
    await job.only_checkpoints_left()
    await job.start()
    await job.status("RUNNING")
    assert await get(await job.upstream(), "notes.txt") == b"mine"


@pytest.mark.behaviour("B75")
async def test_what_was_mended_in_the_original_is_migrated_from_its_newest_checkpoint(job: Job) -> None:
    await stopped_after_work(job)
    first = await migrate(job)
    await first.status("RUNNING")
    await first.discard()
    await job.start()
    await job.status("RUNNING")
    await put(await job.upstream(), "notes.txt", b"mended")
    await job.stop()
    await job.status("STOPPED")
    second = await migrate(job)
    await second.status("RUNNING")
    assert await get(await second.upstream(), "notes.txt") == b"mended"
    await second.result()
    shown = [(attempt["state"], attempt["checkpoint"]["name"]) for attempt in await attempts(job, job.studio)]
    assert shown == [("WITH_ISSUES", "Contained_2"), ("DISCARDED", "Contained_1")]


@pytest.mark.behaviour("B37", "B74")
async def test_a_migrated_studio_is_stopped_started_and_migrated_again(job: Job) -> None:
    await stopped_after_work(job)
    migration = await migrate(job)
    await migration.status("RUNNING")
    moved = Job(job.server, job.database, migration.studio, job.url)
    await moved.stop()
    await moved.status("STOPPED")
    await add_release(job, release(3), new="6.3")
    again = await migrate(moved)
    await again.status("RUNNING")
    assert await get(await again.upstream(), "notes.txt") == b"mine"
    [container] = job.containers()
    assert docker("exec", container, "ls", "/opt").split() == ["both", "only-3", "release", "tiny.py"]


@pytest.mark.behaviour("B39", "B74")
async def test_a_migration_survives_the_death_of_the_server_at_any_point(job: Job) -> None:
    await stopped_after_work(job)
    for kill in range(KILLS):
        migration = await migrate(job)
        await asyncio.sleep((kill + random.random()) / KILLS * LONGEST_START_S)  # the point is what matters
        await job.server.kill9()
        await job.server.start()
        await migration.status("RUNNING")
        assert await get(await migration.upstream(), "notes.txt") == b"mine"
        await migration.discard()
    await job.only_checkpoints_left()


@pytest.mark.behaviour("B74")
async def test_software_that_the_new_release_does_not_fit_is_reported(job: Job) -> None:
    await job.start()
    await job.status("RUNNING")
    docker("exec", job.containers()[0], "python3", "-c", INSTALL.format(packages=PACKAGES))
    await job.stop()
    await job.status("STOPPED")
    async with job.database.write() as transaction:
        await transaction.execute(core.template.update().values(tool="JUPYTERLAB"))
    result = await (await migrate(job)).result()
    issues = {issue["kind"]: issue for issue in result["issues"]}
    assert result["state"] == "WITH_ISSUES"
    broken = issues["PACKAGE_BROKEN"]
    assert (broken["subject"], broken["commands"]) == ("chart", ["pip uninstall --yes chart"])
    assert broken["message"] == "chart cannot be loaded: ModuleNotFoundError: No module named 'colours'"
    assert (issues["INTERPRETER_MISSING"]["subject"], len(issues)) == ("/bin/plot", 2)


@pytest.mark.behaviour("B74")
async def test_a_session_that_prints_without_end_is_no_trouble(job: Job) -> None:
    await job.start()
    await job.status("RUNNING")
    container = job.containers()[0]
    docker("exec", container, "python3", "-c", INSTALL.format(packages=PACKAGES))
    flood = "#!/bin/sh\nwhile :; do echo 12345678901234567890; done\n"
    docker("exec", container, PYTHON, "-c", f"import os; os.remove('/bin/python3'); open('/bin/python3', 'w').write({flood!r})")
    docker("exec", container, PYTHON, "-c", "import os; os.chmod('/bin/python3', 0o755)")
    await job.stop()
    await job.status("STOPPED")
    migration = await migrate(job)
    result = await migration.result()
    kinds = {issue["kind"] for issue in result["issues"]}
    assert kinds in ({"CHECK_INCOMPLETE"}, {"CHECK_INCOMPLETE", "FILE_CONFLICT"})
    await migration.status("RUNNING")


async def test_a_template_whose_image_was_removed_from_the_engine_is_said_to_be_missing() -> None:
    compute = DockerCompute(URL, "0" * 32, ENVIRONMENT)
    removed = ImageSpec("CUSTOM", "studiograph/removed:1", "1")
    session_files = await compute.session_files(SessionName("0" * 32, "1", "abc", 1), Saved("saved", "sha256:1", 1), removed)
    await compute.close()
    assert (session_files.paths, "studiograph/removed:1" in session_files.unread) == ((), True)
