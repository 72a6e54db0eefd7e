"""Fresh migrated databases of both kinds for benchmarks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from services.store import migrate
from tests import needs, postgres

NAME = "bench"


@asynccontextmanager
async def database_urls(directory: Path) -> AsyncIterator[dict[str, str]]:
    """Yields the URL by name: SQLite in the directory, and PostgreSQL where its programs are on this machine."""
    urls = {"SQLite": f"sqlite:///{directory / 'bench.db'}"}
    await migrate.upgrade(urls["SQLite"])
    if (reason := needs.missing("postgres")) is not None:
        print(f"PostgreSQL is left out: {reason}.")
        yield urls
        return
    with postgres.cluster() as cluster:
        await cluster.create(NAME)
        urls["PostgreSQL"] = cluster.url(NAME)
        await migrate.upgrade(urls["PostgreSQL"])
        yield urls
