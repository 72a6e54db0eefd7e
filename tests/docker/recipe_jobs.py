"""Studios whose template is built from a Dockerfile, and their builds as a client sees them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import update

from services.store.tables import core
from tests.docker.server import Job, docker_job
from tests.docker.tiny_image import docker, tiny_image
from tests.waiting import eventually

LOG = "query($id: ID!) { studio(id: $id) { logs(source: BUILD) { text } } }"


@asynccontextmanager
async def recipe_job(tmp_path: Path, sqlite_url: str, *lines: str) -> AsyncIterator[Job]:
    """A job whose template is built from these lines of a Dockerfile."""
    write(tmp_path, f"FROM {tiny_image()}", *lines)
    reference = f"studiograph-test/built-{uuid4().hex[:12]}:1"
    try:
        async with docker_job(tmp_path, sqlite_url, images_dir=str(tmp_path / "images")) as job:
            async with job.database.write() as transaction:
                await transaction.execute(update(core.template).values(image=reference, recipe="tool"))
            yield job
    finally:
        if docker("images", "-q", reference):
            docker("rmi", "-f", reference)


def write(tmp_path: Path, *lines: str) -> None:
    (tmp_path / "images/tool").mkdir(parents=True, exist_ok=True)
    (tmp_path / "images/tool/Dockerfile").write_text("\n".join(lines))
    (tmp_path / "images/tool/given.txt").write_text("given\n")


async def log(job: Job) -> str:
    """The build's, as a client asks for it."""
    return str((await job.server.graphql(LOG, {"id": job.studio}))["studio"]["logs"]["text"])


async def logged(job: Job, text: str) -> None:
    async def there() -> bool:
        return text in await log(job)

    await eventually(there)


async def ended(job: Job, status: str) -> dict[str, Any]:
    async def there() -> dict[str, Any] | None:
        studio = await job.look()
        return studio if studio["status"] == status else None

    return await eventually(there)
