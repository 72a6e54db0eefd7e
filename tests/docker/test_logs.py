"""Output by byte offset, from an engine that keeps lines and drops the oldest."""

import pytest

from services.compute.docker import DockerCompute, bodies, logs
from services.compute.protocol import LogPage, SessionName
from tests.compute.world import GRACE, World, ask, until
from tests.docker.engine import ENVIRONMENT, URL

pytestmark = pytest.mark.docker
MUCH = 1 << 24


async def page_to(world: World, name: SessionName, end: bytes, offset: int = 0) -> LogPage:
    """The page from `offset` once it ends with `end`; the engine writes its log a moment later."""

    async def look() -> LogPage | None:
        page = await world.compute.logs(name, offset, MUCH)
        return page if page.data.endswith(end) else None

    found = await until(look)
    assert isinstance(found, LogPage)
    return found


async def test_pages_put_together_are_the_whole(world: World) -> None:
    name = world.name()
    upstream = await world.start(name)
    await ask(upstream, "GET", "/print?times=200&text=some-words")
    await ask(upstream, "GET", "/print?text=the-end")
    whole = await page_to(world, name, b"the-end\n")
    pieces, offset = [], 0
    while (page := await world.compute.logs(name, offset, 333)).data:
        assert page.start == offset
        pieces.append(page.data)
        offset = page.next_offset
    assert b"".join(pieces) == whole.data
    assert whole.data.count(b"some-words\n") == 200


async def test_output_outlives_the_session_and_this_server(world: World) -> None:
    name = world.name()
    upstream = await world.start(name)
    await ask(upstream, "GET", "/print?text=last-words")
    await world.compute.stop(name, GRACE)
    whole = await page_to(world, name, b"last-words\n")
    other = DockerCompute(URL, world.installation, ENVIRONMENT)
    assert await other.logs(name, 0, MUCH) == whole
    assert (await other.logs(name, -11, MUCH)).data == b"last-words\n"
    await other.close()


async def test_a_line_longer_than_the_engines_is_whole(world: World) -> None:
    name = world.name()
    upstream = await world.start(name)
    await ask(upstream, "GET", "/print?text=" + "x" * 40_000)
    assert (await page_to(world, name, b"x\n")).data.splitlines()[-1] == b"x" * 40_000


async def test_dropped_output_shows_as_a_later_start(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "LOG_SIZE", "20k")
    monkeypatch.setattr(logs, "UNSETTLED", 0)
    name = world.name()
    upstream = await world.start(name)
    await ask(upstream, "GET", "/print?text=first")
    first = await page_to(world, name, b"first\n")
    offset = first.next_offset
    for number in range(30):
        await ask(upstream, "GET", f"/print?times=20&text=line-{number}-{'y' * 40}")
        page = await page_to(world, name, f"line-{number}-{'y' * 40}\n".encode(), offset)
        assert page.start == offset
        offset = page.next_offset
    late = await world.compute.logs(name, 0, MUCH)
    assert late.start > 0
    assert late.next_offset == offset


async def test_an_absent_session_has_no_output(world: World) -> None:
    assert await world.compute.logs(world.name(), 0, MUCH) == LogPage(0, b"", 0)
