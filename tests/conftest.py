"""Databases for tests, and the rule for what the machine lacks.

`database` runs a test on SQLite and on PostgreSQL, each time on a fresh migrated database; `sqlite_database` is for tests to which
the dialect does not matter; `database_url`, `sqlite_url` and `postgresql_url` give the URL alone.
"""

import asyncio
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.store.database import Database
from services.store.tables import metadata
from tests import needs, postgres
from tests.postgres import Cluster


def pytest_runtest_setup(item: pytest.Item) -> None:
    for need in needs.NEEDS:
        reason = needs.missing(need) if item.get_closest_marker(need) else None
        if reason and need in needs.required():
            pytest.fail(f"{need} is required, but {reason}", pytrace=False)
        if reason:
            pytest.skip(f"{need}: {reason}")


async def _migrate(url: str) -> None:
    database = Database(url)
    async with database.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await database.close()


def _migrated(url: str) -> None:
    """In a thread, since a session's fixture may be made while a loop runs."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _migrate(url)).result()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    _migrated(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Cluster]:
    """A PostgreSQL server with a migrated, empty database to copy."""
    with postgres.cluster() as cluster:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, cluster.create(postgres.TEMPLATE)).result()
        _migrated(cluster.url(postgres.TEMPLATE))
        yield cluster


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    path = tmp_path / "studiograph.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
async def postgresql_url(postgres_cluster: Cluster) -> AsyncIterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    await postgres_cluster.create(name, postgres.TEMPLATE)
    yield postgres_cluster.url(name)
    await postgres_cluster.drop(name)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh migrated database, of each kind in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
async def sqlite_database(sqlite_url: str) -> AsyncIterator[Database]:
    database = Database(sqlite_url)
    yield database
    await database.close()
