"""A migration as a person goes through it, with two releases of JupyterLab: errors, mending in the original, and once more (B75)."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.docker.built import provided
from tests.docker.migrations import MigratedStudio, add_release, attempts, migrate
from tests.docker.server import Job, docker_job
from tests.docker.tiny_image import docker
from tests.docker.visitor import notebook

pytestmark = [pytest.mark.docker, pytest.mark.slow]
OLD, NEW = "4.6.6", "4.6.7"
ADD_MODULE = "import sysconfig; open(sysconfig.get_path('purelib') + '/colours.py', 'w').write('RED = 1')"
MAKE_WHEEL = """import zipfile
info = 'chart-1.0.dist-info'
with zipfile.ZipFile('chart-1.0-py3-none-any.whl', 'w') as wheel:
    wheel.writestr('chart.py', 'import colours')
    wheel.writestr(f'{info}/METADATA', 'Metadata-Version: 2.1\\nName: chart\\nVersion: 1.0\\n')
    wheel.writestr(f'{info}/WHEEL', 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    names = ['chart.py', *(f'{info}/{name}' for name in ('METADATA', 'WHEEL', 'RECORD'))]
    wheel.writestr(f'{info}/RECORD', ''.join(f'{name},,\\n' for name in names))
"""
INSTALL = "!pip install --quiet --no-index chart-1.0-py3-none-any.whl && python3 -c 'import chart' && echo installed"

EVENTS = """query($id: ID!) { studio(id: $id) { events { nodes {
  ... on MigrationEvent { state attempt { studio { id } } } } } } }"""


@pytest.fixture
async def job(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Job]:
    """A Studio on the older of two releases of JupyterLab, which has a module that the newer one lacks."""
    newer = await provided("jupyter")
    older = f"studiograph-test/jupyter-older:{newer.rpartition(':')[2]}"
    if not docker("images", "-q", older):
        docker("build", "-q", "-t", older, "-", data=f"FROM {newer}\nRUN {json.dumps(['python3', '-c', ADD_MODULE])}\n".encode())
    async with docker_job(tmp_path, sqlite_url, image=older, port=8888) as job:
        await add_release(job, newer, tool="JUPYTERLAB", old=OLD, new=NEW, port=8888)
        yield job


@pytest.mark.behaviour("B74", "B75")
async def test_errors_are_shown_with_commands_mended_in_the_original_and_gone_in_the_next_migration(job: Job) -> None:
    await job.start()
    await job.status("RUNNING")
    async with notebook(job) as original:
        await original.run(MAKE_WHEEL)
        assert await original.run(INSTALL) == "installed"
    await job.stop()
    await job.status("STOPPED")

    first = await migrate(job)
    await first.status("RUNNING", limit=180)
    broken = await first.result(limit=240)
    assert broken["state"] == "WITH_ISSUES"
    [issue] = [issue for issue in broken["issues"] if issue["kind"] == "PACKAGE_BROKEN"]
    assert (issue["subject"], issue["commands"]) == ("chart", ["pip uninstall --yes chart"])
    assert "No module named 'colours'" in issue["message"]
    assert await result_seen(job, first) == "WITH_ISSUES"
    await first.discard()

    await job.start()
    await job.status("RUNNING")
    async with notebook(job) as original:
        assert "Successfully uninstalled chart" in await original.run(f"!{issue['commands'][0]}")
    await job.stop()
    await job.status("STOPPED")

    second = await migrate(job)
    await second.status("RUNNING", limit=180)
    mended = await second.result(limit=240)
    assert (mended["state"], mended["issues"]) == ("SUCCEEDED", [])
    async with notebook(Job(job.server, job.database, second.studio, job.url)) as migrated:
        assert await migrated.run("!ls *.whl") == "chart-1.0-py3-none-any.whl"
    shown = [(attempt["state"], attempt["checkpoint"]["name"]) for attempt in await attempts(job, job.studio)]
    assert shown == [("SUCCEEDED", "Contained_2"), ("DISCARDED", "Contained_1")]


async def result_seen(job: Job, migration: MigratedStudio) -> str:
    """Returns the newest state of the migration in the log of the original."""
    nodes = (await job.server.graphql(EVENTS, {"id": job.studio}))["studio"]["events"]["nodes"]
    newest = next(node for node in nodes if node)
    assert newest["attempt"]["studio"]["id"] == migration.studio
    return str(newest["state"])
