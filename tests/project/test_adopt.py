"""A data directory that is not the one with the sessions, as an operator meets it."""

import asyncio
import json
from pathlib import Path

from services.commands import CommandRunner
from services.domain.statuses import ComputeKind
from services.identity.people import People
from services.store import compute_environments
from services.store.db.database import Database
from tests.project.conftest import Command


def prepare(studiograph: Command, data: Path) -> None:
    """A workspace with a process compute environment that was checked with another data directory."""
    studiograph("migrate")
    studiograph("user", "add", "ada")
    studiograph("workspace", "add", "lab", "--owner", "ada")
    asyncio.run(add_environment(f"sqlite:///{data}/studiograph.db"))


async def add_environment(url: str) -> None:
    database = Database(url)
    workspace_id = await People(CommandRunner(database)).find_workspace("lab")
    assert workspace_id is not None
    values = {
        "kind": ComputeKind.PROCESS.value,
        "settings": {},
        "enabled": True,
        "reachable": True,
        "environment": [],
        "engine_id": "f" * 32,
    }
    async with database.write() as transaction:
        await compute_environments.insert_environment(transaction, workspace_id, "Here", values)
    await database.close()


def test_another_data_directory_is_reported_and_adopted(studiograph: Command, tmp_path: Path) -> None:
    prepare(studiograph, tmp_path / "data")
    answer = studiograph("doctor")
    assert answer.returncode == 1
    assert "this server reaches another data directory than the one that holds the sessions and checkpoints of Here" in answer.stdout
    assert "studiograph compute adopt" in answer.stdout
    adopted = json.loads(studiograph("compute", "adopt", "lab", "Here", "--json").stdout)
    assert (adopted["computeEnvironment"], adopted["previousEngineId"]) == ("Here", "f" * 32)
    assert "0 on this machine, all of them known" in studiograph("doctor").stdout
    assert f"has this engine already ({adopted['engineId']})" in studiograph("compute", "adopt", "lab", "Here").stdout
    assert "There is no compute environment There" in studiograph("compute", "adopt", "lab", "There").stderr
