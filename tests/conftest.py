"""Databases for tests, and the rule for what the machine lacks.

`database` runs a test on SQLite and on PostgreSQL, each time on a fresh migrated database; `sqlite_database` is for tests to which
the dialect does not matter; `database_url`, `sqlite_url` and `postgresql_url` give the URL alone. Whatever a test leaves connected
to PostgreSQL is disconnected at its end.
"""

import asyncio
import shutil
import uuid
from collections.abc import AsyncIterator, Coroutine, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from services.store import migrate
from services.store.db.database import Database
from services.store.tables import metadata
from tests import needs, postgres
from tests.file_order import in_order
from tests.jupyterlab import jupyterlab_tools
from tests.postgres import Cluster
from tests.server import server
from tests.turns import turn

__all__ = ["jupyterlab_tools", "server"]


def pytest_configure() -> None:
    unknown = needs.required().difference(needs.NEEDS)
    if unknown:
        raise pytest.UsageError(f"STUDIOGRAPH_REQUIRE knows {', '.join(needs.NEEDS)}; not {', '.join(sorted(unknown))}")


settings.register_profile("any machine", deadline=None)  # how quick a machine is says nothing about the code
settings.load_profile("any machine")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for need in needs.NEEDS:
        reason = needs.missing(need) if item.get_closest_marker(need) else None
        if reason:
            needs.lacking(need, reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says at the end of a run what was skipped and what is missing for it; nothing where all tests ran."""
    reports = terminalreporter.getreports("skipped")
    lines = needs.skip_summary(report.longrepr[2] for report in reports if isinstance(report.longrepr, tuple))
    if lines:
        terminalreporter.section("What this machine skipped, and why")
        for line in lines:
            terminalreporter.line(line)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # one of several processes
        items[:] = in_order(items)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    with turn(item):
        return (yield)


def _finish(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` in a thread, since a session's fixture may be made while a loop runs."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    _finish(migrate.upgrade(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Cluster]:
    """A PostgreSQL server of this run's own."""
    with postgres.cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def postgres_database(postgres_cluster: Cluster) -> str:
    """The name of a migrated, empty PostgreSQL database."""
    _finish(postgres_cluster.create("studiograph"))
    _finish(migrate.upgrade(postgres_cluster.url("studiograph")))
    return "studiograph"


@pytest.fixture
async def empty_postgresql_url(postgres_cluster: Cluster) -> AsyncIterator[str]:
    """A database of the test's own, never migrated; for tests that change the schema (0.2 s)."""
    name = f"test_{uuid.uuid4().hex}"
    await postgres_cluster.create(name)
    yield postgres_cluster.url(name)
    await postgres_cluster.drop(name)


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    path = tmp_path / "studiograph.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
async def postgresql_url(postgres_cluster: Cluster, postgres_database: str) -> AsyncIterator[str]:
    """Emptied after each test: 50 times quicker than a new database."""
    yield postgres_cluster.url(postgres_database)
    await postgres_cluster.empty(postgres_database, [table.name for table in reversed(metadata.sorted_tables)])


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
