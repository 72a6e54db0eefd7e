"""A session on a Debian image, in which root installs packages as users of such products expect."""

import pytest

from services.compute.docker.recipes import packed
from services.compute.protocol import ImageSpec
from tests.compute.world import GRACE, World
from tests.docker.built import built
from tests.docker.tiny_image import TINY, run

pytestmark = [pytest.mark.docker, pytest.mark.slow]
DOCKERFILE = b"""ARG BASE
FROM ${BASE}
COPY tiny.py /opt/tiny.py
ENV TINY_HOST=0.0.0.0
WORKDIR /workspace
CMD ["python3", "-I", "/opt/tiny.py"]
"""


@pytest.fixture
async def debian() -> ImageSpec:
    return ImageSpec("CUSTOM", await built("debian", packed({"Dockerfile": DOCKERFILE, "tiny.py": TINY.read_bytes()})), "")


@pytest.mark.behaviour("B10")
async def test_packages_installed_by_apt_are_there_after_a_restart(world: World, debian: ImageSpec) -> None:
    world.image = debian
    await world.start(world.name(1))
    await run("exec", str(world.name(1)), "apt-get", "update", "-qq")
    await run("exec", str(world.name(1)), "apt-get", "install", "-y", "-qq", "--no-install-recommends", "tree")
    await world.compute.stop(world.name(1), GRACE)
    saved = await world.save(world.name(1), "c1", interim=False)
    await world.compute.remove(world.name(1))
    await world.start(world.name(2), base=saved.reference, base_digest=saved.digest)
    assert "tree v" in await run("exec", str(world.name(2)), "tree", "--version")
