"""Output from an engine that keeps lines and drops the oldest."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.compute.docker import DockerCompute, request_bodies
from services.compute.docker.logs import NS_PER_SECOND, CursorTracker, Frames, Line, LogCursor
from services.compute.protocol import ComputeUnknown
from tests.compute.outputs import follow_until, joined, printed
from tests.compute.world import World
from tests.docker.engine import ENVIRONMENT, URL
from tests.docker.server import docker_job
from tests.docker.tiny_image import docker

pytestmark = pytest.mark.behaviour("B84")


@pytest.mark.docker
async def test_a_line_longer_than_the_engines_is_whole(world: World) -> None:
    name = world.name()
    await printed(await world.start(name), "x" * 40_000)
    pieces = await follow_until(world, name, b"x" * 40_000 + b"\n")
    assert joined(pieces).splitlines()[-1] == b"x" * 40_000
    assert (await world.compute.tail(name, 40_001)) == b"x" * 40_000 + b"\n"


@pytest.mark.docker
async def test_another_server_goes_on_from_the_cursor(world: World) -> None:
    name = world.name()
    upstream = await world.start(name)
    await printed(upstream, "before")
    first = await follow_until(world, name, b"before\n")
    await printed(upstream, "after")
    other = DockerCompute(URL, world.installation, ENVIRONMENT)
    later = await follow_until(replace(world, compute=other), name, b"after\n", first[-1].cursor)
    assert joined(later) == b"after\n"
    await other.close()


@pytest.mark.docker
async def test_what_the_engine_dropped_is_left_out_and_the_rest_comes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_bodies, "LOG_SIZE", "20k")
    name = world.name()
    upstream = await world.start(name)
    await printed(upstream, "first")
    cursor = (await follow_until(world, name, b"first\n"))[-1].cursor
    for number in range(30):
        await printed(upstream, f"line-{number}-{'y' * 40}", times=20)
    end = (b"line-29-" + b"y" * 40 + b"\n") * 20
    late = joined(await follow_until(world, name, end, cursor))
    assert b"line-0-" not in late


@pytest.mark.docker
async def test_a_renamed_session_is_still_followed(world: World) -> None:
    name = world.name()
    upstream = await world.start(name)
    docker("rename", str(name), f"renamed-{world.installation[:8]}")
    await printed(upstream, "hello")
    assert joined(await follow_until(world, name, b"hello\n")).endswith(b"hello\n")
    assert await world.compute.tail(name, 6) == b"hello\n"


STUDIO = "query($id: ID!) { studio(id: $id) { sessions { nodes { number logs { text isComplete } } } } }"


@pytest.mark.docker
async def test_the_output_of_each_session_is_kept_when_its_container_is_gone(tmp_path: Path, sqlite_url: str) -> None:
    async with docker_job(tmp_path, sqlite_url) as job:
        texts = []
        for number in (1, 2):
            await job.start()
            await job.status("RUNNING")
            if number == 1:
                await job.server.kill9()
                await job.server.start()
            await job.stop()
            await job.status("STOPPED")
            assert job.containers() == []
            sessions = (await job.server.graphql(STUDIO, {"id": job.studio}))["studio"]["sessions"]["nodes"]
            assert sessions[0]["logs"]["isComplete"]
            texts.append(sessions[0]["logs"]["text"])
        assert texts[0] == texts[1]
        assert texts[0].count("tiny listens\n") == 1


def framed(line: Line) -> bytes:
    text = line[0] + b" " + line[1]
    return b"\1\0\0\0" + len(text).to_bytes(4) + text


def stamp(nanoseconds: int) -> bytes:
    return f"{datetime.fromtimestamp(nanoseconds // NS_PER_SECOND, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds % NS_PER_SECOND:09}Z".encode()


@given(st.lists(st.binary(max_size=30)), st.lists(st.integers(1, 40), min_size=1))
def test_frames_are_put_together_however_they_are_cut(texts: list[bytes], cuts: list[int]) -> None:
    lines = [(stamp(number), text) for number, text in enumerate(texts)]
    raw, frames, chunks, at = b"".join(map(framed, lines)), Frames(), [], 0
    while at < len(raw):
        size = cuts[at % len(cuts)]
        chunks += frames.feed(raw[at : at + size])
        at += size
    assert chunks == lines


def test_what_is_no_frame_is_unknown() -> None:
    with pytest.raises(ComputeUnknown):
        Frames().feed(b"<html><body>Bad gateway")


MINUTE = st.integers(0, 8 * NS_PER_SECOND)


@given(
    st.lists(st.tuples(MINUTE, st.integers(0, NS_PER_SECOND // 3), st.binary(min_size=1, max_size=5)), min_size=1, max_size=40),
    st.data(),
)
def test_nothing_is_lost_or_twice_wherever_reading_is_broken_off(made: list[tuple[int, int, bytes]], data: st.DataObject) -> None:
    """The engine's order is not quite that of times, times come twice, and it takes nothing but a time as a position."""
    begin = 1_750_000_000 * NS_PER_SECOND
    lines = [(begin + time + jitter, text) for time, jitter, text in sorted(made, key=lambda line: line[0])]
    seen, cursor = b"", LogCursor(0, 0)
    for _ in range(4):
        tracker = CursorTracker(cursor)
        replayed = [(stamp(time), text) for time, text in lines if time >= cursor.time]
        until = data.draw(st.integers(0, len(replayed)))
        while until:
            size = data.draw(st.integers(1, until))
            if new := tracker.take(replayed[:size]):
                seen, cursor = seen + new, tracker.cursor
            replayed, until = replayed[size:], until - size
    rest = [(stamp(time), text) for time, text in lines if time >= cursor.time]
    assert seen + (CursorTracker(cursor).take(rest) if rest else b"") == b"".join(text for _, text in lines)


def test_a_line_that_comes_late_is_counted_where_it_can_be_read_again() -> None:
    """Its time is before that of lines read earlier, and the next one is a second later: a cursor may not count from between them."""
    begin = 1_750_000_000 * NS_PER_SECOND
    lines = [(stamp(begin + time), text) for time, text in ((2, b"a"), (1, b"late"), (NS_PER_SECOND + 3, b"b"), (NS_PER_SECOND + 4, b"c"))]
    tracker = CursorTracker(LogCursor(0, 0))
    seen = tracker.take(lines[:1]) + tracker.take(lines[1:3])
    again = [line for line in lines if line[0] >= stamp(tracker.cursor.time)]
    assert seen + CursorTracker(tracker.cursor).take(again) == b"alatebc"


def test_a_cursor_is_read_from_its_text() -> None:
    assert LogCursor.parse(str(LogCursor(5, 7))) == LogCursor(5, 7)
    assert LogCursor.parse(None) == LogCursor.parse("nonsense") == LogCursor(0, 0)
