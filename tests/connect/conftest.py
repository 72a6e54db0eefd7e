"""`house`: a data plane with one running Studio whose tool is `tests/tools/tiny.py`."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.compute.protocol import Upstream
from services.store.database import Database
from tests.connect.house import House, tiny
from tests.connect.house import house as opened


@pytest.fixture
async def tool(tmp_path: Path) -> AsyncIterator[Upstream]:
    async with tiny(tmp_path) as upstream:
        yield upstream


@pytest.fixture
async def house(sqlite_database: Database, tool: Upstream) -> AsyncIterator[House]:
    async with opened(sqlite_database, tool) as it:
        yield it


@pytest.fixture
async def any_house(database: Database, tool: Upstream) -> AsyncIterator[House]:
    """On SQLite and on PostgreSQL."""
    async with opened(database, tool) as it:
        yield it
