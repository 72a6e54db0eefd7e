"""The key that opens what is sealed at rest: every process has the same one, and its loss has a way out."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from services.secret_box import SecretBox
from services.store.database import Database
from tests.factories import create_studio
from tests.graphql_ids import global_id
from tests.house.conftest import ROOT, Command
from tests.server import Server, wait_for

START = "mutation ($id: ID!) { startStudio(input: { studioId: $id }) { __typename } }"
SHOWN = "query ($id: ID!) { studio(id: $id) { status statusMessage } }"
EDIT = "mutation ($input: UpdateStudioInput!) { updateStudio(input: $input) { __typename } }"


async def with_secret(server: Server) -> str:
    """The id of a Studio with a secret variable, sealed with the server's own key."""
    box = SecretBox((server.directory / "data" / "secret.key").read_text())
    variable = {"key": "TOKEN", "value": box.seal("hush"), "secret": True}
    database = Database(server.database_url)
    studio_id = await create_studio(database, server.world, "Analysis", environment=[variable])
    await database.close()
    return global_id("Studio", studio_id)


async def becomes(server: Server, studio: str, status: str) -> str:
    """What the Studio says of itself once it has that status."""

    async def look() -> str | None:
        shown = (await server.graphql(SHOWN, {"id": studio}))["studio"]
        return f"{status} {shown['statusMessage'] or ''}" if shown["status"] == status else None

    return str(await wait_for(look))


async def command(server: Server, *words: str) -> str:
    """The command line with the server's settings; what it printed."""
    given = {**server.settings, "data_dir": str(server.directory / "data"), "database_url": server.database_url}
    environment = {**os.environ, **{f"STUDIOGRAPH_{name.upper()}": value for name, value in given.items()}}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "studiograph", *words), cwd=ROOT, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=-1, stderr=-2
    )
    output, _ = await process.communicate()
    return output.decode()


@pytest.mark.behaviour("B16")
async def test_a_server_with_another_key_does_not_start(server: Server) -> None:
    """Else what one process sealed would open for none of the others."""
    await server.stop()
    server.settings["secret_key"] = SecretBox.new_key()
    with pytest.raises(AssertionError, match="replace-key"):
        await server.start()
    del server.settings["secret_key"]
    await server.start()


@pytest.mark.behaviour("B16")
async def test_a_lost_key_is_replaced_and_secret_values_are_set_again(server: Server) -> None:
    studio = await with_secret(server)
    await server.stop()
    server.settings["secret_key"] = SecretBox.new_key()
    assert "will never open again" in await command(server, "replace-key")
    assert "is the installation's now" in await command(server, "replace-key", "--yes")
    await server.start()
    await server.graphql(START, {"id": studio})
    assert "Set them again, then start it" in await becomes(server, studio, "ERRORED")
    await server.graphql(EDIT, {"input": {"studioId": studio, "environment": [{"key": "TOKEN", "value": "new", "secret": True}]}})
    await server.graphql(START, {"id": studio})
    await becomes(server, studio, "RUNNING")


@pytest.mark.behaviour("B16")
async def test_work_is_saved_even_if_the_key_was_replaced_meanwhile(server: Server) -> None:
    studio = await with_secret(server)
    await server.graphql(START, {"id": studio})
    await becomes(server, studio, "RUNNING")
    await server.stop()
    server.settings["secret_key"] = SecretBox.new_key()
    await command(server, "replace-key", "--yes")
    await server.start()
    await server.graphql("mutation ($id: ID!) { stopStudio(input: { studioId: $id }) { __typename } }", {"id": studio})
    await becomes(server, studio, "STOPPED")
    assert "Traceback" not in server.log


def test_doctor_tells_of_another_key(studiograph: Command, tmp_path: Path) -> None:
    studiograph("migrate")
    studiograph("replace-key", "--yes")
    assert "Secret key: found" in studiograph("doctor").stdout
    answer = studiograph("doctor", secret_key=SecretBox.new_key())
    assert "Secret key: The secret key is another one" in answer.stdout
    assert "replace-key" in answer.stdout
