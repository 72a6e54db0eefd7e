"""The key that opens what is sealed at rest: every process has the same one, and its loss has a way out."""

from pathlib import Path

import pytest

from services.secrets.secret_box import SecretBox
from services.store.db.database import Database
from tests.factories import create_studio
from tests.graphql_ids import global_id
from tests.project.conftest import Command
from tests.server import Server
from tests.waiting import eventually

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

    return str(await eventually(look))


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
async def test_a_lost_key_is_replaced_and_secret_values_are_set_again(server: Server, studiograph: Command) -> None:
    studio = await with_secret(server)
    await server.stop()
    server.settings["secret_key"] = SecretBox.new_key()
    settings = {"database_url": server.database_url, **server.settings}
    assert "will be unreadable" in studiograph("replace-key", **settings).stdout
    assert "The key was replaced" in studiograph("replace-key", "--yes", **settings).stdout
    await server.start()
    await server.graphql(START, {"id": studio})
    assert "Set their values again, then start the Studio" in await becomes(server, studio, "ERRORED")
    await server.graphql(EDIT, {"input": {"studioId": studio, "environment": [{"key": "TOKEN", "value": "new", "secret": True}]}})
    await server.graphql(START, {"id": studio})
    await becomes(server, studio, "RUNNING")


@pytest.mark.behaviour("B16")
async def test_work_is_saved_even_if_the_key_was_replaced_meanwhile(server: Server, studiograph: Command) -> None:
    studio = await with_secret(server)
    await server.graphql(START, {"id": studio})
    await becomes(server, studio, "RUNNING")
    await server.stop()
    server.settings["secret_key"] = SecretBox.new_key()
    studiograph("replace-key", "--yes", database_url=server.database_url, **server.settings)
    await server.start()
    await server.graphql("mutation ($id: ID!) { stopStudio(input: { studioId: $id }) { __typename } }", {"id": studio})
    await becomes(server, studio, "STOPPED")
    saved = await server.graphql("query ($id: ID!) { studio(id: $id) { latestCheckpoint { status } } }", {"id": studio})
    assert saved["studio"]["latestCheckpoint"] == {"status": "FINALIZED"}
    assert "Traceback" not in server.log


def test_doctor_tells_of_another_key(studiograph: Command, tmp_path: Path) -> None:
    studiograph("migrate")
    studiograph("replace-key", "--yes")
    assert "Secret key: found" in studiograph("doctor").stdout
    answer = studiograph("doctor", secret_key=SecretBox.new_key())
    assert "Secret key: The secret key is not the one" in answer.stdout
    assert "replace-key" in answer.stdout
    (tmp_path / "data" / "secret.key").unlink()
    assert "Secret key: is missing" in studiograph("doctor").stdout
