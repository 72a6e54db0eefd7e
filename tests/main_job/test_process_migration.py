"""A migration where sessions are processes: JupyterLab over a release with a newer connect version (B74)."""

import asyncio
import subprocess
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import update

from schema.ids import encode
from services.store.db.database import Database
from services.store.tables import core
from tests import factories
from tests.docker.migrations import migrate
from tests.docker.server import CREATE, Job
from tests.jupyterlab import IMAGE
from tests.server import running

pytestmark = pytest.mark.slow


@pytest.fixture
async def job(tmp_path: Path, sqlite_url: str, jupyterlab_tools: Path) -> AsyncIterator[Job]:
    """A Studio on the older of two releases."""
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data/tools").symlink_to(jupyterlab_tools)
    async with running(tmp_path, sqlite_url) as server:
        database = Database(sqlite_url)
        values = {"tool": IMAGE.tool, "image": IMAGE.image, "tool_version": IMAGE.tool_version}
        async with database.write() as transaction:
            await transaction.execute(update(core.template).where(core.template.c.id == server.world.template_id).values(**values))
        await factories.create_template(database, server.world.workspace_id, "Newer", connect_version="0.2.0", **values)
        request = {"workspaceId": encode("Workspace", server.world.workspace_id), "name": "Cells", "autoStart": False}
        request["templateId"] = encode("Template", server.world.template_id)
        made = await server.graphql(CREATE, {"input": request})
        yield Job(server, database, made["createStudio"]["studio"]["id"], "")
        await database.close()


def broken_wheel(directory: Path) -> Path:
    """A package that needs a module which nothing has."""
    path, info = directory / "chart-1.0-py3-none-any.whl", "chart-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("chart.py", "import colours")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: chart\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in ("chart.py", f"{info}/METADATA", f"{info}/WHEEL")))
    return path


def files_of_the_session(directory: Path) -> Path:
    """The files of the only session that there is."""
    [files] = directory.glob("data/sessions/*/files")
    return files


@pytest.mark.behaviour("B74")
async def test_packages_and_files_come_along_and_a_broken_package_is_reported(job: Job, tmp_path: Path) -> None:
    await job.start()
    await job.status("RUNNING", limit=300)
    files = files_of_the_session(tmp_path)
    install = [str(files / "env/bin/python"), "-m", "pip", "install", "--quiet", "--no-index", str(broken_wheel(tmp_path))]
    await asyncio.to_thread(subprocess.run, install, check=True, env={"PATH": "/usr/bin:/bin"})
    await asyncio.to_thread((files / "workspace" / "notes.txt").write_text, "mine")
    await job.stop()
    await job.status("STOPPED")
    migration = await migrate(job)
    await migration.status("RUNNING", limit=300)
    result = await migration.result(limit=120)
    assert [(issue["kind"], issue["subject"], issue["commands"]) for issue in result["issues"]] == [
        ("PACKAGE_BROKEN", "chart", ["pip uninstall --yes chart"])
    ]
    notes = files_of_the_session(tmp_path) / "workspace" / "notes.txt"
    assert await asyncio.to_thread(notes.read_text) == "mine"
    await migration.discard()
