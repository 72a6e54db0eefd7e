"""The command line as an operator uses it."""

import json
import socket
from pathlib import Path

import pytest

from tests.docker.engine import URL
from tests.project.conftest import Command


def test_an_installation_is_set_up_without_a_server(studiograph: Command) -> None:
    assert "Migrated from nothing" in studiograph("migrate").stdout
    assert "Added ada" in studiograph("user", "add", "ada", "--name", "Ada Lovelace").stdout
    assert "Added the workspace lab" in studiograph("workspace", "add", "lab", "--owner", "ada").stdout
    secret = studiograph("token", "create", "ada", "--name", "report", "--scope", "READ").stdout.strip()
    assert secret.startswith("sgt_")
    listed = studiograph("token", "list", "ada").stdout
    assert "report" in listed
    assert "READ" in listed
    assert secret not in listed


@pytest.mark.docker
def test_a_workspace_gets_an_engine_and_templates(studiograph: Command) -> None:
    studiograph("migrate")
    studiograph("user", "add", "ada")
    studiograph("workspace", "add", "lab", "--owner", "ada")
    added = studiograph("compute", "add", "lab", "Lab server", "--url", URL).stdout
    assert added.startswith("Added Lab server: ")
    assert "Docker Engine" in added
    assert "There was already" in studiograph("compute", "add", "lab", "Lab server", "--url", URL).stdout
    again = json.loads(studiograph("compute", "add", "lab", "Lab server", "--url", URL, "--json").stdout)
    assert (again["name"], again["url"]) == ("Lab server", URL)
    assert any("Docker Engine" in note for note in again["notes"])
    words = ["template", "add", "lab"]
    assert "runs example/marimo:1" in studiograph(*words, "Marimo", "--image", "example/marimo:1", "--port", "2718").stdout
    assert "it runs example/marimo:1" in studiograph(*words, "Marimo", "--image", "example/marimo:2").stderr
    assert "A name has 1 to 80 characters" in studiograph(*words, " ", "--image", "example/marimo:2").stderr
    other = studiograph("compute", "add", "lab", "Lab server", "--url", f"unix://{URL.removeprefix('unix:/')}")
    assert "already, and it is another one" in other.stderr
    assert "runs studiograph/jupyter:" in studiograph(*words, "JupyterLab", "--recipe", "jupyter", "--tool", "JUPYTERLAB").stdout
    assert "There is no recipe 'other'" in studiograph(*words, "Other", "--recipe", "other").stderr
    assert "Give --image or --recipe" in studiograph(*words, "Other").stderr


def test_an_engine_that_does_not_answer_is_not_added(studiograph: Command) -> None:
    studiograph("migrate")
    answer = studiograph("compute", "add", "lab", "Lab server", "--url", "unix:///nowhere/docker.sock")
    assert answer.returncode == 1
    assert "The Docker Engine at unix:///nowhere/docker.sock cannot be reached: no such file or directory." in answer.stderr
    assert "studiograph doctor" in answer.stderr


def test_an_engine_that_refuses_the_connection_is_named_in_plain_words(studiograph: Command, tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/docker.sock"
    with socket.socket(socket.AF_UNIX) as unused:  # bound, but nobody listens
        unused.bind(url.removeprefix("unix://"))
        answer = studiograph("doctor", docker_url=url)
    assert f"The Docker Engine at {url} cannot be reached: connection refused." in answer.stdout
    assert "ssl:" not in answer.stdout


@pytest.mark.parametrize(
    "command",
    [
        "serve",
        "migrate",
        "schema",
        "doctor",
        "demo",
        "replace-key",
        "user add",
        "workspace add",
        "compute add",
        "compute adopt",
        "template add",
        "token create",
        "token revoke",
    ],
)
def test_help_shows_an_example(studiograph: Command, command: str) -> None:
    answer = studiograph(*command.split(), "--help")
    assert answer.returncode == 0
    assert f"studiograph {command}" in answer.stdout


def test_a_missing_database_is_one_sentence_with_the_way_out(studiograph: Command) -> None:
    answer = studiograph("token", "list", "ada")
    assert answer.returncode == 1
    assert "studiograph migrate" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_database_that_is_away_is_named_without_its_password(studiograph: Command) -> None:
    answer = studiograph("serve", database_url="postgresql://ada:hunter2@127.0.0.1:1/x")
    assert answer.returncode == 1
    assert "does not answer" in answer.stderr
    assert "hunter2" not in answer.stderr


@pytest.mark.parametrize("role", ["api", "controller", "proxy"])
def test_several_processes_on_sqlite_are_refused_with_the_reason(studiograph: Command, role: str) -> None:
    answer = studiograph("serve", "--role", role)
    assert answer.returncode == 1
    assert "STUDIOGRAPH_DATABASE_URL" in answer.stderr
    assert "PostgreSQL" in answer.stderr


def test_bad_settings_are_all_named(studiograph: Command) -> None:
    answer = studiograph("serve", port="many", log_level="loud")
    assert answer.returncode == 1
    assert "STUDIOGRAPH_PORT" in answer.stderr
    assert "STUDIOGRAPH_LOG_LEVEL" in answer.stderr


def test_a_key_that_is_none_is_refused(studiograph: Command) -> None:
    studiograph("migrate")
    answer = studiograph("serve", secret_key="short")
    assert answer.returncode == 1
    assert "secret key" in answer.stderr


def test_the_schema_needs_no_database(studiograph: Command) -> None:
    assert "type Query" in studiograph("schema").stdout
