"""A session on a Debian image, in which root installs packages as users of such products expect."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from services.compute.protocol import ImageSpec
from tests.compute.world import GRACE, World
from tests.docker.tiny_image import TINY, docker, run

pytestmark = [pytest.mark.docker, pytest.mark.slow]
BASE = "studiograph/debian:bookworm"
REFERENCE = "studiograph-test/debian:latest"
SCRIPT = Path(__file__).parents[2] / "scripts" / "base-image"
DOCKERFILE = f"""FROM {BASE}
COPY tiny.py /opt/tiny.py
ENV TINY_HOST=0.0.0.0
WORKDIR /workspace
CMD ["python3", "-I", "/opt/tiny.py"]
"""


@pytest.fixture
async def debian(tmp_path: Path) -> ImageSpec:
    if not docker("images", "-q", BASE) and (os.geteuid() != 0 or not shutil.which("debootstrap")):
        pytest.skip("a Debian image is made with debootstrap, as root (apt install debootstrap)")
    make = await asyncio.create_subprocess_exec(SCRIPT, BASE)
    assert await make.wait() == 0
    shutil.copy(TINY, tmp_path)
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    await run("build", "-q", "-t", REFERENCE, str(tmp_path))
    return ImageSpec("CUSTOM", REFERENCE, "")


@pytest.mark.behaviour("B10")
async def test_packages_installed_by_apt_are_there_after_a_restart(world: World, debian: ImageSpec) -> None:
    world.image = debian
    await world.start(world.name(1))
    await run("exec", str(world.name(1)), "apt-get", "update", "-qq")
    await run("exec", str(world.name(1)), "apt-get", "install", "-y", "-qq", "--no-install-recommends", "tree")
    await world.compute.stop(world.name(1), GRACE)
    saved = await world.compute.save(world.name(1), "c1", interim=False)
    await world.compute.remove(world.name(1))
    await world.start(world.name(2), base=saved.reference, base_digest=saved.digest)
    assert "tree v" in await run("exec", str(world.name(2)), "tree", "--version")
