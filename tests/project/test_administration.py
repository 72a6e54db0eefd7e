"""What was added on the command line is listed, changed, disabled and removed there."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from services.compute.docker.recipes import RECIPES
from services.domain.access import Role
from services.domain.errors import Conflict, DomainError, InvalidInput, NotFound, StillNeeded
from services.domain.events import INSTALLATION_STREAM, Kind
from services.store.db.database import Database
from services.store.tables import core
from studiograph.cli import app
from tests import factories
from tests.factories import World


class Administration:
    """Runs commands in this process on a database of the test's own, which has the world of `create_world`."""

    def __init__(self, data: Path) -> None:
        self.url = f"sqlite:///{data}/studiograph.db"
        self._runner = CliRunner(env={"STUDIOGRAPH_DATA_DIR": str(data), "COLUMNS": "120"})
        self.run("migrate")
        self.world: World = self.write(factories.create_world)

    def write(self, work: Callable[[Database], Awaitable[Any]]) -> Any:
        async def run() -> Any:
            database = Database(self.url)
            try:
                return await work(database)
            finally:
                await database.close()

        return asyncio.run(run())

    def invoke(self, *words: str) -> Result:
        return self._runner.invoke(app, words)

    def run(self, *words: str) -> str:
        """Returns what the command prints. Raises the error that it ends with."""
        result = self.invoke(*words)
        if isinstance(result.exception, DomainError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json"))


@pytest.fixture
def administration(tmp_path: Path) -> Administration:
    return Administration(tmp_path / "data")


def test_a_compute_environment_is_listed_renamed_disabled_and_removed(administration: Administration) -> None:
    run, as_json = administration.run, administration.json
    assert "Here" in run("compute", "list", "lab")
    assert [row["name"] for row in as_json("compute", "list", "lab")] == ["Here"]
    assert as_json("compute", "edit", "lab", "Here", "--name", "Cellar")["name"] == "Cellar"
    assert run("compute", "disable", "lab", "Cellar") == "Cellar is disabled.\n"
    assert as_json("compute", "show", "lab", "Cellar")["enabled"] is False
    assert as_json("compute", "enable", "lab", "Cellar")["enabled"] is True
    with pytest.raises(InvalidInput, match="has no URL"):
        run("compute", "edit", "lab", "Cellar", "--url", "unix:///run/docker.sock")
    assert as_json("compute", "remove", "lab", "Cellar") == {"removed": "Cellar"}
    assert as_json("compute", "list", "lab") == []


def test_a_name_is_not_given_twice(administration: Administration) -> None:
    workspace_id = administration.world.workspace_id
    administration.write(lambda database: factories.create_compute_environment(database, workspace_id, "There"))
    administration.write(lambda database: factories.create_template(database, workspace_id, "Marimo"))
    with pytest.raises(Conflict, match="There is a compute environment there already"):
        administration.run("compute", "edit", "lab", "Here", "--name", "there")
    with pytest.raises(Conflict, match="There is a template Marimo already"):
        administration.run("template", "edit", "lab", "Tiny", "--name", "Marimo")
    assert administration.json("compute", "edit", "lab", "Here", "--name", "HERE")["name"] == "HERE"


def test_a_process_environment_is_not_enabled_for_several_people(administration: Administration) -> None:
    administration.run("compute", "disable", "lab", "Here")
    administration.write(lambda database: factories.create_user(database, "grace"))
    with pytest.raises(Conflict, match="for one person only"):
        administration.run("compute", "enable", "lab", "Here")


@pytest.mark.parametrize(("group", "name"), [("compute", "Here"), ("template", "Tiny")])
def test_what_a_studio_needs_is_not_removed(administration: Administration, group: str, name: str) -> None:
    administration.write(lambda database: factories.create_studio(database, administration.world, "Umbrella"))
    with pytest.raises(StillNeeded, match="is still needed") as refused:
        administration.run(group, "remove", "lab", name)
    assert str(refused.value).endswith("Remove first:\n  Studio Umbrella")
    assert refused.value.needed_by == ["Studio Umbrella"]
    assert [row["name"] for row in administration.json(group, "list", "lab")] == [name]


def test_a_removal_that_stops_sessions_disables_the_environment_even_if_it_is_still_needed(administration: Administration) -> None:
    administration.write(lambda database: factories.create_studio(database, administration.world, "Umbrella"))
    with pytest.raises(StillNeeded, match="Studio Umbrella"):
        administration.run("compute", "remove", "lab", "Here", "--stop-sessions")
    assert administration.json("compute", "show", "lab", "Here")["enabled"] is False


def test_a_template_is_listed_changed_and_removed(administration: Administration) -> None:
    run, as_json = administration.run, administration.json
    assert [row["name"] for row in as_json("template", "list", "lab")] == ["Tiny"]
    changed = as_json("template", "edit", "lab", "Tiny", "--image", "example/tiny:2", "--version", "2", "--experimental")
    assert changed == {"name": "Tiny", "tool": "CUSTOM", "version": "2", "status": "EXPERIMENTAL", "image": "example/tiny:2"}
    assert as_json("template", "edit", "lab", "Tiny", "--no-experimental")["status"] == "RECOMMENDED"
    shown = as_json("template", "show", "lab", "Tiny")
    assert (shown["recipe"], shown["connectVersion"], shown["experimental"]) == (None, "0.1.0", False)
    assert run("template", "remove", "lab", "Tiny") == "Removed Tiny.\n"
    assert as_json("template", "list", "lab") == []


def test_values_of_a_template_are_checked(administration: Administration) -> None:
    with pytest.raises(InvalidInput, match="no reference to a container image"):
        administration.run("template", "add", "lab", "Desktop", "--image", "Not An Image", "--tool", "XPRA")
    with pytest.raises(InvalidInput, match="A connect version is three numbers"):
        administration.run("template", "edit", "lab", "Tiny", "--connect-version", "1")
    assert administration.json("template", "edit", "lab", "Tiny", "--image", "python -m http.server")["image"] == "python -m http.server"


@pytest.mark.behaviour("B72")
def test_a_refresh_adds_the_newer_release_of_a_provided_image(administration: Administration) -> None:
    run, as_json = administration.run, administration.json
    assert run("template", "refresh", "lab") == "Nothing is newer.\n"
    made = as_json("template", "add", "lab", "JupyterLab", "--recipe", "jupyter")
    assert (made["tool"], made["version"]) == ("JUPYTERLAB", RECIPES["jupyter"].version)
    assert made["image"].startswith("studiograph/jupyter:")
    as_json("template", "edit", "lab", "JupyterLab", "--version", "3.0")
    added = f"JupyterLab {RECIPES['jupyter'].version}"
    assert run("template", "refresh", "lab") == f"Added: {added}.\n"
    assert as_json("template", "refresh", "lab") == {"added": [], "updated": []}
    listed = [(row["name"], row["status"]) for row in as_json("template", "list", "lab")]
    assert listed == [(added, "RECOMMENDED"), ("Tiny", "RECOMMENDED"), ("JupyterLab", "DEPRECATED")]


@pytest.mark.behaviour("B70", "B71", "B72")
def test_the_provided_recipes_can_be_added_at_once(administration: Administration) -> None:
    as_json = administration.json
    assert as_json("template", "refresh", "lab", "--add-missing")["added"] == [RECIPES[name].release.title for name in sorted(RECIPES)]
    assert as_json("template", "refresh", "lab", "--add-missing") == {"added": [], "updated": []}
    listed = [(row["name"], row["tool"], row["version"], row["status"]) for row in as_json("template", "list", "lab")]
    for recipe in RECIPES.values():
        assert (recipe.release.title, recipe.release.tool.value, recipe.version, "RECOMMENDED") in listed
    assert all(recipe.release.icon_url for recipe in RECIPES.values())


def test_a_user_is_listed_changed_and_removed(administration: Administration) -> None:
    run, as_json = administration.run, administration.json
    workspace_id = administration.world.workspace_id
    administration.write(lambda database: factories.create_viewer(database, workspace_id, Role.LAUNCH, "grace"))
    assert [row["userName"] for row in as_json("user", "list")] == ["ada", "grace"]
    assert "roles: lab LAUNCH" in run("user", "show", "grace")
    changed = as_json("user", "edit", "grace", "--name", "Grace Hopper", "--email", "grace@example.org")
    assert changed == {"userName": "grace", "displayName": "Grace Hopper", "email": "grace@example.org"}
    assert run("user", "remove", "grace") == "Removed grace.\n"
    assert [row["userName"] for row in as_json("user", "list")] == ["ada"]
    logged = administration.write(lambda database: stored_events(database, INSTALLATION_STREAM))
    assert logged == [Kind.MEMBER_CHANGED, Kind.TOKEN_REVOKED]
    with pytest.raises(NotFound, match="There is no user grace"):
        run("user", "show", "grace")


def test_a_user_who_is_needed_is_not_removed(administration: Administration) -> None:
    administration.write(lambda database: factories.create_studio(database, administration.world, "Umbrella"))
    with pytest.raises(StillNeeded) as refused:
        administration.run("user", "remove", "ada")
    assert refused.value.needed_by == ["workspace without another OWNER: lab", "Studio Umbrella"]
    assert administration.json("user", "show", "ada")["roles"] == {"lab": "OWNER"}


def test_a_workspace_is_listed_renamed_and_removed(administration: Administration) -> None:
    run, as_json = administration.run, administration.json
    assert as_json("workspace", "list") == [{"slug": "lab", "name": "lab", "organization": "acme"}]
    assert as_json("workspace", "edit", "lab", "--name", "Laboratory")["name"] == "Laboratory"
    assert as_json("workspace", "show", "lab")["members"] == {"ada": "OWNER"}
    with pytest.raises(StillNeeded, match="compute environment Here"):
        run("workspace", "remove", "lab")
    run("compute", "remove", "lab", "Here")
    assert run("workspace", "remove", "lab") == "Removed the workspace lab.\n"
    assert as_json("workspace", "list") == []
    assert as_json("user", "show", "ada")["roles"] == {}
    assert administration.write(lambda database: stored_events(database, INSTALLATION_STREAM)) == [Kind.MEMBER_CHANGED]


def test_what_is_added_is_printed_as_json(administration: Administration) -> None:
    as_json = administration.json
    administration.write(factories.allow_many_users)
    grace = {"userName": "grace", "displayName": "Grace Hopper", "email": None}
    assert as_json("user", "add", "grace", "--name", "Grace Hopper", "--workspace", "lab", "--role", "VIEW") == grace
    assert as_json("user", "show", "grace")["roles"] == {"lab": "VIEW"}
    workshop = {"slug": "workshop", "name": "Workshop", "organization": "acme"}
    assert as_json("workspace", "add", "workshop", "--owner", "grace", "--name", "Workshop", "--organization", "acme") == workshop
    marimo = {"name": "Marimo", "tool": "CUSTOM", "version": "1", "status": "RECOMMENDED", "image": "example/marimo:1"}
    assert as_json("template", "add", "workshop", "Marimo", "--image", "example/marimo:1") == marimo


def test_a_token_is_created_listed_and_revoked(administration: Administration) -> None:
    as_json = administration.json
    created = as_json("token", "create", "ada", "--name", "report", "--scope", "READ", "--days", "0")
    assert created["token"].startswith("sgt_")
    assert (created["name"], created["scopes"], created["expiresAt"]) == ("report", ["READ"], None)
    listed = next(row for row in as_json("token", "list", "ada") if row["id"] == created["id"])
    assert created["token"].startswith(listed["hint"])
    assert listed["revokedAt"] is None
    assert as_json("token", "revoke", created["id"]) == {"revoked": created["id"]}
    assert next(row for row in as_json("token", "list", "ada") if row["id"] == created["id"])["revokedAt"]
    assert "EXPIRESAT" in administration.run("token", "list", "ada")


async def stored_events(database: Database, stream_id: str) -> list[str]:
    """Returns the kinds of a stream's events, the oldest first."""
    async with database.read() as reader:
        statement = select(core.event.c.kind).where(core.event.c.stream_id == stream_id).order_by(core.event.c.seq)
        return list((await reader.execute(statement)).scalars())


@pytest.mark.behaviour("B18")
def test_sessions_of_a_workspace_an_organization_and_a_compute_environment_are_limited(administration: Administration) -> None:
    as_json = administration.json
    limits = ("--max-sessions", "20", "--max-cpu", "7.5", "--max-memory-mib", "65536", "--max-gpu", "0")
    stored = {"maxSessions": 20, "maxCpu": 7.5, "maxMemoryMib": 65536, "maxGpu": 0}
    for words in (("workspace", "edit", "lab"), ("organization", "edit", "acme"), ("compute", "edit", "lab", "Here")):
        show = (words[0], "show", *words[2:])
        assert as_json(*words, *limits).items() >= stored.items()
        assert as_json(*show).items() >= stored.items()
        administration.run(*words, "--max-cpu", "none")
        assert as_json(*show).items() >= (stored | {"maxCpu": None}).items()
        with pytest.raises(InvalidInput, match="A limit of GPUs must be"):
            administration.run(*words, "--max-gpu", "-1")
    with pytest.raises(InvalidInput):
        administration.run("compute", "edit", "lab", "Here", "--name", "There", "--max-gpu", "-1")
    assert [row["name"] for row in as_json("compute", "list", "lab")] == ["Here"]
    assert as_json("organization", "list") == [{"slug": "acme", "name": "acme"}]


@pytest.mark.parametrize("words", [["--max-cpu", "many"], ["--max-sessions", "1.5"], []])
def test_a_limit_is_a_number_or_none(administration: Administration, words: list[str]) -> None:
    assert administration.invoke("organization", "edit", "acme", *words).exit_code == 2
