"""Images that tests build on a Debian base without a registry: once for each content, one at a time, whoever asks first."""

import asyncio
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from services.compute.docker.recipes import CERTIFICATES, context, packed, trust
from tests import needs
from tests.docker.tiny_image import docker

ROOT = Path(__file__).parents[2]
BASE = "studiograph/debian:bookworm"
SCRIPT = ROOT / "scripts" / "base-image"
TOOLS = Path(__file__).with_name("tools")
HOST_STORE = Path("/etc/ssl/certs/ca-certificates.crt")
SERVER = (
    "LICENSE",
    "README.md",
    "pyproject.toml",
    "requirements.txt",
    "connect",
    "images",
    "resolvers",
    "schema",
    "services",
    "studiograph",
)


def certificates() -> bytes | None:
    """What this machine trusts: a network that opens TLS does so in builds and sessions as well."""
    return HOST_STORE.read_bytes() if HOST_STORE.exists() else None


async def base_image() -> str:
    """Made by debootstrap if it is not there; skipped where that cannot be, unless the docker tests are required."""
    if not docker("images", "-q", BASE) and (os.geteuid() != 0 or not shutil.which("debootstrap")):
        needs.lacking("docker", "a Debian image is made with debootstrap, as root (apt install debootstrap)")
    make = await asyncio.create_subprocess_exec(SCRIPT, BASE)
    assert await make.wait() == 0
    return BASE


async def provided(recipe: str) -> str:
    """The image of a provided template."""
    return await built(recipe, context(recipe, certificates=certificates()))


async def tool(name: str) -> str:
    """The image of `tools/<name>`."""
    files = {path.name: path.read_bytes() for path in (TOOLS / name).iterdir()}
    return await built(name, _with_trust(files))


async def server_image() -> str:
    """The project's own, of this working tree."""
    return await built("server", _with_trust({"Dockerfile": (ROOT / "Dockerfile").read_bytes(), **_sources()}, "images/"))


def _sources() -> dict[str, bytes]:
    paths = [path for name in SERVER for path in ([ROOT / name] if (ROOT / name).is_file() else (ROOT / name).rglob("*"))]
    kept = [path for path in paths if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in kept}


def _with_trust(files: Mapping[str, bytes], prefix: str = "") -> bytes:
    authorities = certificates()
    return packed({**files, f"{prefix}trust": trust()["trust"]} | ({CERTIFICATES: authorities} if authorities else {}))


async def built(name: str, content: bytes) -> str:
    """The image of this build context."""
    base = await base_image()
    base_id = docker("image", "inspect", "-f", "{{.Id}}", base)
    reference = f"studiograph-test/{name}:{hashlib.sha256(content + base_id.encode()).hexdigest()[:12]}"
    async with _alone(name):
        if not docker("images", "-q", reference):
            await _build(reference, content, base)
    return reference


async def _build(reference: str, content: bytes, base: str) -> None:
    words = ["build", "--quiet", "--force-rm", "--tag", reference, "--build-arg", f"BASE={base}", "-"]
    process = await asyncio.create_subprocess_exec(
        "docker", *words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate(content)
    assert process.returncode == 0, output.decode()[-4000:]


@asynccontextmanager
async def _alone(name: str) -> AsyncIterator[None]:
    """Among all processes of this machine: test workers share the engine."""
    with (Path(tempfile.gettempdir()) / f"studiograph-test-{name}.lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        yield
