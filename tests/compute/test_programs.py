"""Programs that are run beside the tool of a session, and what sessions installed, by each kind of compute environment (B74)."""

from pathlib import Path

import pytest

from services.compute.process.overlay import PACKAGES
from services.compute.process.programs import installed_paths
from services.compute.protocol import ComputeFailed, ComputeUnknown
from services.compute.session_programs import SessionProgram
from tests.compute.world import World, ask_json

pytestmark = pytest.mark.behaviour("B74")


def shell(script: str, seconds: float = 20.0, max_bytes: int = 1000) -> SessionProgram:
    return SessionProgram(("/bin/sh", "-c", script), seconds, max_bytes)


async def test_a_program_runs_in_the_session_without_the_variables_of_the_studio(world: World) -> None:
    upstream = await world.start(world.name(), SECRET="hunter2")
    assert (await ask_json(upstream, "/env"))["SECRET"] == "hunter2"
    output = await world.compute.run(world.name(), shell("pwd; echo $SECRET; echo done"))
    assert output.split() == [(await ask_json(upstream, "/pids"))["cwd"].encode(), b"done"]


async def test_what_a_program_prints_without_end_is_cut(world: World) -> None:
    await world.start(world.name())
    program = shell("for i in 1 2 3 4 5 6 7 8; do head -c 30000 /dev/zero; echo; done", max_bytes=50_000)
    assert len(await world.compute.run(world.name(), program)) <= 50_000


async def test_a_program_that_does_not_end_is_given_up(world: World) -> None:
    await world.start(world.name())
    with pytest.raises((ComputeFailed, ComputeUnknown)):
        await world.compute.run(world.name(), shell("sleep 600", seconds=0.2))


async def test_nothing_is_run_in_a_session_that_is_gone(world: World) -> None:
    with pytest.raises((ComputeFailed, ComputeUnknown)):
        await world.compute.run(world.name(), shell("true"))


def test_installed_packages_are_listed_and_nothing_behind_links(tmp_path: Path) -> None:
    packages = tmp_path.joinpath("env", *PACKAGES)
    (packages / "iniconfig-2.0.dist-info").mkdir(parents=True)
    (tmp_path / "env" / "bin").symlink_to("/usr/bin")
    assert installed_paths(tmp_path) == (str(Path("env", *PACKAGES, "iniconfig-2.0.dist-info")),)
