"""Builds whose answer is not what one hopes for: cut off, without an end, in endless lines, of an image that cannot be used."""

import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.compute.docker import DockerCompute
from services.compute.docker.recipe_book import RecipeBook
from services.compute.protocol import ComputeFailed, ComputeUnknown, ImageBuild
from tests.docker.engine import ENVIRONMENT
from tests.docker.fake_engine import FakeEngine, fake_engine

pytestmark = pytest.mark.behaviour("B8", "B84")
BUILD = ImageBuild("built:1", "tool")
IMAGE: dict[str, Any] = {"Id": "sha256:1", "Size": 1, "Os": "linux", "Architecture": "amd64", "Config": {"Cmd": ["x"]}}
DONE = ({"stream": "Step 1/1 : FROM x\n"}, {"aux": {"ID": "sha256:1"}}, {"stream": "Successfully built 1\n"})


@pytest.fixture
async def fake() -> AsyncIterator[FakeEngine]:
    with tempfile.TemporaryDirectory(prefix="sgt-") as directory:
        async with fake_engine(Path(directory)) as made:
            made.answers = {"GET /images/built:1": IMAGE, "GET /_ping": "OK"}
            yield made


@pytest.fixture
async def compute(fake: FakeEngine, tmp_path: Path) -> AsyncIterator[DockerCompute]:
    (tmp_path / "tool").mkdir()
    (tmp_path / "tool/Dockerfile").write_text("FROM x")
    made = DockerCompute(fake.url, "0" * 32, ENVIRONMENT, recipes=RecipeBook(own=tmp_path))
    yield made
    await made.close()


def lines(*said: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\r\n" for one in said)


async def built(compute: DockerCompute) -> bytes:
    """What it printed."""
    output = bytearray()

    async def printed(data: bytes) -> None:
        output.extend(data)

    await compute.build_image(BUILD, printed)
    return bytes(output)


async def test_a_build_that_ends_as_it_should_is_done(compute: DockerCompute, fake: FakeEngine) -> None:
    fake.answers["POST /build"] = lines(*DONE)
    assert await built(compute) == b"Step 1/1 : FROM x\nSuccessfully built 1\n"


@pytest.mark.parametrize("answer", [b"", lines(DONE[0]), lines(*DONE)[:-12], b"<html>\r\n", b"[]\r\n", b"null\r\n"])
async def test_an_answer_without_its_end_is_no_success(compute: DockerCompute, fake: FakeEngine, answer: bytes) -> None:
    """An image of that name may be there from before."""
    fake.answers["POST /build"] = answer
    with pytest.raises(ComputeUnknown):
        await built(compute)


async def test_an_image_that_is_not_there_after_its_build_is_no_success(compute: DockerCompute, fake: FakeEngine) -> None:
    fake.answers = {"POST /build": lines(*DONE)}
    with pytest.raises(ComputeUnknown, match="does not have it"):
        await built(compute)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ({**IMAGE, "Architecture": "s390x"}, "is for linux/s390x"),
        ({**IMAGE, "Config": {"Cmd": ["x"], "Volumes": {"/data": {}}}}, "declares VOLUME /data"),
        ({**IMAGE, "Config": {}}, "names no program"),
    ],
)
async def test_what_is_wrong_with_the_image_is_told_by_its_build(
    compute: DockerCompute, fake: FakeEngine, image: dict[str, Any], words: str
) -> None:
    """Not by the start after it, where retrying the build is not offered."""
    fake.answers = {"POST /build": lines(*DONE), "GET /images/built:1": image}
    with pytest.raises(ComputeFailed, match=words):
        await built(compute)


async def test_an_error_in_the_stream_is_the_builds_failure(compute: DockerCompute, fake: FakeEngine) -> None:
    fake.answers["POST /build"] = lines(DONE[0], {"error": "write /x: no space left on device", "errorDetail": {}})
    with pytest.raises(ComputeFailed, match="no space left on device"):
        await built(compute)


async def test_an_error_of_an_engine_that_ends_is_not_the_builds(compute: DockerCompute, fake: FakeEngine) -> None:
    """It has ended the step itself, and takes no new connection by then."""
    fake.answers["POST /build"] = lines(DONE[0], {"error": "returned a non-zero code: 137"})
    fake.answers["GET /_ping"] = (500, "going away")
    with pytest.raises(ComputeUnknown):
        await built(compute)


async def test_a_line_without_end_is_printed_like_any(compute: DockerCompute, fake: FakeEngine) -> None:
    text = "\u0000\ufffd" * 100_000
    fake.answers["POST /build"] = lines({"stream": text}, *DONE)
    assert (await built(compute)).startswith(text.encode())


async def test_progress_is_not_printed(compute: DockerCompute, fake: FakeEngine) -> None:
    spam = {"status": "Downloading", "id": "a", "progressDetail": {"current": 1, "total": 2}, "progress": "[=> ]"}
    fake.answers["POST /build"] = lines(*[spam] * 20_000, *DONE)
    assert len(await built(compute)) < 100
