"""Images built on the engine from recipes: through the API, with the log as it comes."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest
from sqlalchemy import update

from services.compute.docker import image_builds
from services.compute.docker.recipe_book import RecipeBook
from services.compute.protocol import ComputeFailed
from services.store.tables import core
from tests.compute.world import get, put
from tests.docker.recipe_jobs import ended, log, logged, recipe_job, write
from tests.docker.tiny_image import docker, tiny_image
from tests.waiting import WAIT_LIMIT_S, eventually

pytestmark = [pytest.mark.docker, pytest.mark.behaviour("B8", "B84")]
WATCH = "subscription($id: ID!) { studioLogs(studioId: $id) { __typename ... on LogChunk { source text } ... on LogEnded { source } } }"
RETRY = (
    "mutation($id: ID!) { retryBuild(input: { studioId: $id }) { ... on StudioPayload { studio { status } } ... on Error { message } } }"
)


async def test_a_start_builds_the_image_and_works_in_it(tmp_path: Path, sqlite_url: str) -> None:
    async with recipe_job(tmp_path, sqlite_url, "COPY given.txt /workspace/given.txt", "RUN echo from-the-build") as job:
        await job.start()
        await logged(job, "from-the-build")
        await ended(job, "RUNNING")
        upstream = await job.upstream()
        assert await get(upstream, "given.txt") == b"given\n"
        await put(upstream, "a.txt", b"hello")
        await job.stop()
        await job.status("STOPPED")
        await job.start()
        await job.status("RUNNING")
        assert await get(await job.upstream(), "a.txt") == b"hello"


@pytest.mark.behaviour("B76")
async def test_what_a_build_prints_is_streamed_while_it_builds(tmp_path: Path, sqlite_url: str) -> None:
    async with recipe_job(tmp_path, sqlite_url, "RUN echo one-of-two; sleep 2", "RUN echo two-of-two") as job:
        await job.start()
        text = ""
        async with aclosing(job.server.subscribe(WATCH, {"id": job.studio})) as frames, asyncio.timeout(WAIT_LIMIT_S):  # type: ignore[type-var]
            async for data in frames:
                frame = data["studioLogs"]
                if frame["__typename"] == "LogEnded":
                    break
                assert frame["source"] == "BUILD"
                text += frame["text"]
                if "one-of-two" in text and "two-of-two" not in text:
                    assert (await job.look())["status"] == "BUILDING"
        assert "Successfully tagged" in text


@pytest.mark.behaviour("B76")
async def test_a_failed_build_says_why_keeps_its_log_and_can_be_retried(tmp_path: Path, sqlite_url: str) -> None:
    async with recipe_job(tmp_path, sqlite_url, "RUN echo before-the-end; exit 3") as job:
        await job.start()
        failed = await ended(job, "BUILD_FAILED")
        assert failed["stopReason"] == "BUILD_FAILED"
        assert "returned a non-zero code: 3" in failed["statusMessage"]
        assert "before-the-end" in await log(job)
        write(tmp_path, f"FROM {tiny_image()}", "RUN echo mended")
        assert "studio" in (await job.server.graphql(RETRY, {"id": job.studio}))["retryBuild"]
        await ended(job, "RUNNING")


async def test_a_stop_ends_the_build_on_the_engine_too(tmp_path: Path, sqlite_url: str) -> None:
    async with recipe_job(tmp_path, sqlite_url, "RUN echo it-sleeps; sleep 531") as job:
        await job.start()
        await logged(job, "it-sleeps")
        await job.stop()
        assert (await job.look())["status"] == "STOPPED"

        async def nothing_sleeps() -> bool:
            return "sleep 531" not in docker("ps", "--no-trunc", "--format", "{{.Command}}")

        await eventually(nothing_sleeps)


async def test_a_server_that_dies_in_the_middle_builds_on_when_it_is_back(tmp_path: Path, sqlite_url: str) -> None:
    async with recipe_job(tmp_path, sqlite_url, "RUN echo first-step", "RUN echo it-sleeps; sleep 4") as job:
        await job.start()
        await logged(job, "it-sleeps")
        await job.server.kill9()
        await job.server.start()
        await ended(job, "RUNNING")
        assert "begins again" in await log(job)
        assert "Using cache" in await log(job)


async def test_a_base_that_nobody_has_is_told_plainly(tmp_path: Path, sqlite_url: str) -> None:
    async with recipe_job(tmp_path, sqlite_url) as job:
        write(tmp_path, "FROM localhost:9/studiograph-test/nowhere:1")
        await job.start()
        failed = await ended(job, "BUILD_FAILED")
        assert "localhost:9/studiograph-test/nowhere:1 is not on the engine" in failed["statusMessage"]
        assert "STUDIOGRAPH_IMAGE_BASE" in failed["statusMessage"]


@pytest.mark.parametrize(("settings", "begins"), [({}, "python:3.12-slim"), ({"BASE": "debian:bookworm"}, "debian:bookworm")])
def test_what_a_provided_image_begins_from_is_known(settings: dict[str, str], begins: str) -> None:
    assert image_builds.base(RecipeBook().context("jupyter"), settings) == begins


def test_a_context_is_the_same_for_the_same_files(tmp_path: Path) -> None:
    write(tmp_path, "FROM scratch")
    recipes = RecipeBook(certificates=tmp_path / "images/tool/given.txt", own=tmp_path / "images")
    first = recipes.context("tool")
    (tmp_path / "images/tool/Dockerfile").touch()
    assert recipes.context("tool") == first
    assert b"certificates.crt" in first
    with pytest.raises(ComputeFailed, match="no recipe 'other'"):
        recipes.context("other")


async def test_an_image_of_a_recipe_is_never_pulled(tmp_path: Path, sqlite_url: str) -> None:
    """Somebody else's image may have that name at a registry."""
    async with recipe_job(tmp_path, sqlite_url) as job:
        await job.start()
        await ended(job, "RUNNING")
        await job.stop()
        await job.status("STOPPED")
        async with job.database.write() as transaction:
            await transaction.execute(update(core.build).values(reference="localhost:9/other:1"))
            await transaction.execute(update(core.template).values(image="localhost:9/other:1"))
            await transaction.execute(update(core.checkpoint).values(status="INVALID"))
        await job.start()
        failed = await ended(job, "ERRORED")
        assert failed["statusMessage"].startswith("The image localhost:9/other:1 was removed from the compute environment.")
