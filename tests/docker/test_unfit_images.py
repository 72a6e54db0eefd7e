"""Images that cannot be had, cannot run here, or never answer: the status message tells what to do (B7, B70)."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from tests.docker.images import variant
from tests.docker.server import docker_job
from tests.docker.tiny_image import docker

pytestmark = pytest.mark.docker
NOWHERE = "127.0.0.1:1/studiograph-test/nowhere:1"
"""Of a registry that nobody runs."""
FOREIGN = "studiograph-test/foreign:latest"
DEADLINE = 3


@pytest.mark.behaviour("B70")
async def test_a_missing_image_that_cannot_be_pulled(tmp_path: Path, sqlite_url: str) -> None:
    message = await failed(tmp_path, sqlite_url, NOWHERE, "START_FAILED")
    assert f"The image {NOWHERE} is not on the engine" in message
    assert "Build or load it there, or correct the template's image." in message


@pytest.mark.behaviour("B70")
async def test_an_image_for_another_platform(tmp_path: Path, sqlite_url: str) -> None:
    docker("load", "--quiet", data=foreign())
    message = await failed(tmp_path, sqlite_url, FOREIGN, "START_FAILED")
    machine = docker("version", "-f", "{{.Server.Os}}/{{.Server.Arch}}")
    assert f"is for linux/s390x, and this engine runs {machine}. Build it for {machine}" in message


@pytest.mark.behaviour("B7")
async def test_a_tool_that_never_answers_names_the_port_and_what_it_printed(tmp_path: Path, sqlite_url: str) -> None:
    image = variant("deaf", 'CMD ["sh", "-c", "echo listening on 127.0.0.1; exec sleep 600"]').image
    message = await failed(tmp_path, sqlite_url, image, "START_TIMEOUT", port=4321, start_deadline_seconds=str(DEADLINE))
    assert "answers no HTTP request at port 4321" in message
    assert "listens on 0.0.0.0 (not on 127.0.0.1) at $CONNECT_TOOL_PORT" in message
    assert message.endswith("listening on 127.0.0.1")


async def failed(directory: Path, database_url: str, image: str, reason: str, port: int = 8000, **settings: str) -> str:
    """The message of a start that ends in ERRORED for `reason`; nothing of it is left."""
    async with docker_job(directory, database_url, image=image, port=port, **settings) as job:
        await job.start()
        studio = await job.status("ERRORED")
        assert studio["stopReason"] == reason, studio
        await job.nothing_left()
        return str(studio["statusMessage"])


def foreign() -> bytes:
    """An image with nothing in it, for a machine that is not here, as `docker load` takes it."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("empty"))
    config = {
        "architecture": "s390x",
        "os": "linux",
        "config": {"Cmd": ["/empty"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer.getvalue()).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [FOREIGN], "Layers": ["layer.tar"]}]
    image = io.BytesIO()
    with tarfile.open(fileobj=image, mode="w") as archive:
        for name, data in (("config.json", dumped(config)), ("manifest.json", dumped(manifest)), ("layer.tar", layer.getvalue())):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return image.getvalue()


def dumped(value: object) -> bytes:
    return json.dumps(value).encode()
