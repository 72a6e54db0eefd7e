"""`harness`: a data plane with one running Studio, whose tool is `tests/tools/tiny.py`."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from services.compute.protocol import Upstream
from services.store.db.database import Database
from tests.connect.world import TINY, ConnectHarness, tiny
from tests.connect.world import harness as opened


@pytest.fixture(scope="session")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    """One process for all tests that leave it alive."""
    path = tmp_path_factory.mktemp("tool") / "tool.sock"
    environment = {**os.environ, "CONNECT_TOOL_SOCKET": str(path)}
    with subprocess.Popen([sys.executable, str(TINY)], env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while b"listens" not in process.stdout.readline():
            assert process.poll() is None
        yield Upstream(unix=str(path))
        process.kill()


@pytest.fixture
async def harness(sqlite_database: Database, tool: Upstream) -> AsyncIterator[ConnectHarness]:
    async with opened(sqlite_database, tool) as it:
        yield it


@pytest.fixture
async def any_harness(database: Database, tool: Upstream) -> AsyncIterator[ConnectHarness]:
    """On SQLite and on PostgreSQL."""
    async with opened(database, tool) as it:
        yield it


@pytest.fixture
async def mortal_harness(sqlite_database: Database, tmp_path: Path) -> AsyncIterator[ConnectHarness]:
    """With a tool of its own, which the test may end."""
    async with tiny(tmp_path) as upstream, opened(sqlite_database, upstream) as it:
        yield it
