"""`make run`: the first start makes what there is to try, the second finds it."""

import json
import stat
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from services.commands import CommandRunner
from services.compute.process.jupyterlab import directory_name
from services.compute_environments.commands import ComputeEnvironments
from services.domain.access import Operator
from services.domain.statuses import ComputeKind
from services.identity.people import People
from services.store.db.database import Database
from studiograph.first_run import ISOLATION_WARNING, JUPYTERLAB, TOKEN_FILE
from studiograph.walkthrough.server import LOG_FILE, own_server
from tests.docker.engine import URL
from tests.project.conftest import Command
from tests.waiting import eventually

PLACE = """{ viewer { userName } workspace(by: { slug: "demo" }) {
  templates { name } computeEnvironments { name kind } studios { nodes { name status } } } }"""
ENABLED = '{ workspace(by: { slug: "demo" }) { computeEnvironments { kind enabled } } }'


@dataclass
class Demo:
    """The data directory of a demo server, and how to ask one."""

    directory: Path

    async def look(self, url: str, token: str) -> dict[str, object]:
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.post(f"{url}/graphql", json={"query": PLACE}, headers={"Authorization": f"Bearer {token}"})
        data: dict[str, object] = answer.json()["data"]
        return data


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without Docker."""
    monkeypatch.setenv("STUDIOGRAPH_DOCKER_URL", "unix:///nowhere/docker.sock")


@pytest.fixture
def demo(tmp_path: Path, no_engine: None) -> Demo:
    """With JupyterLab marked as installed: nothing is fetched."""
    tool = tmp_path / "data/tools" / directory_name(JUPYTERLAB)
    tool.mkdir(parents=True)
    (tool / "complete").touch()
    (tmp_path / "data").chmod(0o700)
    return Demo(tmp_path / "data")


async def test_the_first_start_makes_a_place_to_try(demo: Demo) -> None:
    async with own_server(demo.directory) as (url, token):
        data = await demo.look(url, token)
    assert data["viewer"] == {"userName": "demo"}
    assert data["workspace"] == {
        "templates": [{"name": "JupyterLab"}],
        "computeEnvironments": [{"name": "This machine", "kind": "PROCESS"}],
        "studios": {"nodes": [{"name": "First look", "status": "STOPPED"}]},
    }


@pytest.mark.docker
async def test_an_engine_is_a_second_place_and_an_image_that_cannot_be_built_is_told(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIOGRAPH_DOCKER_URL", URL)
    monkeypatch.setenv("STUDIOGRAPH_IMAGE_BASE", "localhost:9/nobody-has-it:1")
    async with own_server(demo.directory) as (url, token):
        data = await demo.look(url, token)

        async def is_reported() -> bool:
            return "could not be built" in (demo.directory / LOG_FILE).read_text()

        await eventually(is_reported)
    assert data["workspace"] == {
        "templates": [{"name": name} for name in ("JupyterLab", "R", "VS Code", "Xpra desktop")],
        "computeEnvironments": [{"name": "Docker on this machine", "kind": "DOCKER"}, {"name": "This machine", "kind": "PROCESS"}],
        "studios": {
            "nodes": [{"name": "First look", "status": "STOPPED"}, {"name": "First look, in a container", "status": "STOPPED"}],
        },
    }
    assert "base image localhost:9/nobody-has-it:1 is not on the engine" in (demo.directory / LOG_FILE).read_text()


async def test_the_second_start_finds_it_and_knows_the_token(demo: Demo) -> None:
    async with own_server(demo.directory) as (url, token):
        first = await demo.look(url, token)
    async with own_server(demo.directory) as (url, again):
        assert again == token
        assert await demo.look(url, again) == first


@pytest.mark.behaviour("B72")
async def test_a_newer_release_of_the_demos_image_is_a_second_template(demo: Demo, studiograph: Command) -> None:
    async with own_server(demo.directory):
        pass
    studiograph("template", "edit", "demo", "JupyterLab", "--version", "4.5.0")
    async with own_server(demo.directory) as (url, token):
        data = await demo.look(url, token)
    assert data["workspace"] == {
        "templates": [{"name": f"JupyterLab {JUPYTERLAB.tool_version}"}, {"name": "JupyterLab"}],
        "computeEnvironments": [{"name": "This machine", "kind": "PROCESS"}],
        "studios": {"nodes": [{"name": "First look", "status": "STOPPED"}]},
    }


async def test_only_the_servers_user_can_read_the_token(demo: Demo) -> None:
    async with own_server(demo.directory) as (_, token):
        assert token.startswith("sgt_")
    assert stat.S_IMODE((demo.directory / TOKEN_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(demo.directory.stat().st_mode) == 0o700


async def test_a_revoked_token_is_replaced_at_the_next_start(demo: Demo, studiograph: Command) -> None:
    async with own_server(demo.directory) as (_, token):
        [listed] = json.loads(studiograph("token", "list", "demo", "--json").stdout)
    studiograph("token", "revoke", listed["id"])
    async with own_server(demo.directory) as (url, another):
        assert another != token
        assert (await demo.look(url, another))["viewer"] == {"userName": "demo"}


def test_it_says_that_sessions_are_not_isolated() -> None:
    assert "without isolation" in ISOLATION_WARNING


@pytest.mark.slow
@pytest.mark.behaviour("B1", "B8", "B10", "B22", "B50")
def test_the_demo_does_the_main_job(studiograph: Command, tmp_path: Path, jupyterlab_tools: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data/tools").symlink_to(jupyterlab_tools)
    finished = studiograph("demo", limit=400, docker_url="unix:///nowhere/docker.sock")
    assert finished.returncode == 0, finished.stdout
    assert "found the file" in finished.stdout
    assert "found the package" in finished.stdout
    assert "Everything worked" in finished.stdout


@pytest.mark.slow
@pytest.mark.docker
def test_the_demo_leaves_out_what_cannot_be_built_and_goes_on(studiograph: Command, tmp_path: Path, jupyterlab_tools: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data/tools").symlink_to(jupyterlab_tools)
    finished = studiograph("demo", limit=400, docker_url=URL, image_base="localhost:9/nobody-has-it:1")
    assert finished.returncode == 0, finished.stdout
    assert "Left out, since this machine cannot build" in finished.stdout
    assert "found the package" in finished.stdout
    assert "Everything worked but what was left out." in finished.stdout


async def test_what_was_switched_off_is_on_again_while_there_is_one_user(demo: Demo) -> None:
    async with own_server(demo.directory):
        pass
    database = Database(f"sqlite:///{demo.directory / 'studiograph.db'}")
    await ComputeEnvironments(CommandRunner(database)).set_enabled(Operator(), ComputeKind.PROCESS, enabled=False)
    await database.close()
    async with own_server(demo.directory) as (url, token), httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(f"{url}/graphql", json={"query": ENABLED}, headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["data"]["workspace"]["computeEnvironments"] == [{"kind": "PROCESS", "enabled": True}]


@pytest.mark.docker
async def test_where_there_are_several_users_sessions_run_in_containers_only(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    async with own_server(demo.directory):
        pass
    monkeypatch.setenv("STUDIOGRAPH_DOCKER_URL", URL)
    monkeypatch.setenv("STUDIOGRAPH_IMAGE_BASE", "localhost:9/nobody-has-it:1")
    database = Database(f"sqlite:///{demo.directory / 'studiograph.db'}")
    await ComputeEnvironments(CommandRunner(database)).set_enabled(Operator(), ComputeKind.PROCESS, enabled=False)
    await People(CommandRunner(database)).create_user(Operator(), "grace")
    await database.close()
    async with own_server(demo.directory) as (url, token), httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(f"{url}/graphql", json={"query": ENABLED}, headers={"Authorization": f"Bearer {token}"})
    there = answer.json()["data"]["workspace"]["computeEnvironments"]
    assert there == [{"kind": "DOCKER", "enabled": True}, {"kind": "PROCESS", "enabled": False}]
