"""The commands of docs/backups.md back an installation up, and restore it."""

import asyncio
import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from services.store.db.database import Database
from services.store.tables import core
from tests import factories
from tests.postgres import Cluster
from tests.project.conftest import ROOT

PAGE = (ROOT / "docs/backups.md").read_text()
ARCHIVE = Path("checkpoints/saved.tar.zst")
RESTORED = "All event streams have a new epoch"


class Machine:
    """Runs the page's commands with `data` as the data directory and `url` as the database."""

    def __init__(self, directory: Path, url: str | None) -> None:
        self.data, self.backup, self.url = directory / "data", directory / "backup", url
        programs = directory / "bin"
        programs.mkdir()
        program = programs / "studiograph"
        program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m studiograph "$@"\n')
        program.chmod(0o755)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("STUDIOGRAPH_")}
        self._environment = inherited | {"PATH": f"{programs}:{os.environ['PATH']}", "BACKUP": str(self.backup)}

    def run(self, commands: str) -> str:
        environment = self._environment | {"STUDIOGRAPH_DATA_DIR": str(self.data)}
        if self.url:
            environment["STUDIOGRAPH_DATABASE_URL"] = self.url
        done = subprocess.run(["sh", "-euc", commands], env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def database_url(self) -> str:
        return self.url or f"sqlite:///{self.data}/studiograph.db"


def commands(section: str) -> list[str]:
    """Returns the section's blocks of commands: to back up, and to restore."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


async def add_workspace(url: str) -> str:
    """Adds a world, and returns the epoch of its workspace's stream."""
    database = Database(url)
    world = await factories.create_world(database)
    async with database.read() as reader:
        epoch: str = (await reader.execute(select(core.stream.c.epoch).where(core.stream.c.id == world.workspace_id))).scalar_one()
    await database.close()
    return epoch


async def epochs(url: str) -> list[str]:
    database = Database(url)
    async with database.read() as reader:
        stored = list((await reader.execute(select(core.stream.c.epoch))).scalars())
    await database.close()
    return stored


def check_back_up_and_restore(machine: Machine, section: str, *, restored_url: str | None) -> None:
    back_up, restore = commands(section)
    machine.run("studiograph migrate")
    epoch = asyncio.run(add_workspace(machine.database_url))
    (machine.data / ARCHIVE).parent.mkdir(parents=True)
    (machine.data / ARCHIVE).write_bytes(b"files")
    (machine.data / "secret.key").write_text("key of the installation")
    machine.run(back_up)
    shutil.rmtree(machine.data)
    machine.url = restored_url
    assert RESTORED in machine.run(restore)
    assert "lab" in machine.run("studiograph workspace list")
    assert (machine.data / ARCHIVE).read_bytes() == b"files"
    assert (machine.data / "secret.key").read_text() == "key of the installation"
    assert epoch not in asyncio.run(epochs(machine.database_url))
    assert machine.backup.stat().st_mode & 0o077 == 0


@pytest.mark.sqlite3
def test_an_installation_on_sqlite_is_backed_up_and_restored(tmp_path: Path) -> None:
    check_back_up_and_restore(Machine(tmp_path, None), "SQLite", restored_url=None)


@pytest.mark.postgres
def test_an_installation_on_postgresql_is_backed_up_and_restored(tmp_path: Path, postgres_cluster: Cluster) -> None:
    asyncio.run(postgres_cluster.create("backed_up"))
    asyncio.run(postgres_cluster.create("restored"))
    try:
        machine = Machine(tmp_path, postgres_cluster.url("backed_up"))
        check_back_up_and_restore(machine, "PostgreSQL", restored_url=postgres_cluster.url("restored"))
    finally:
        asyncio.run(postgres_cluster.drop("backed_up"))
        asyncio.run(postgres_cluster.drop("restored"))


def test_the_unit_ends_the_server_and_not_the_sessions() -> None:
    unit = configparser.ConfigParser()
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(ROOT / "docs/studiograph.service")
    assert unit["Service"]["KillMode"] == "process"
    assert unit["Service"]["ExecStart"].endswith("studiograph serve")
