"""The demo's own server: `studiograph serve --demo` on a free port."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp

from studiograph.first_run import TOKEN_FILE
from studiograph.operator_errors import OperatorError
from studiograph.private_files import read_private

READY_SECONDS = 60.0
STOP_SECONDS = 30.0
LOG = "server.log"
PASSED_ON = tuple(f"STUDIOGRAPH_{name}" for name in ("DOCKER_URL", "DOCKER_SUBNETS", "IMAGE_BASE", "IMAGE_CERTIFICATES"))
"""What belongs to the machine rather than to a server."""


@asynccontextmanager
async def own_server(data_dir: Path) -> AsyncIterator[tuple[str, str]]:
    """Its address and the demo user's token. Raises Refused if it does not start."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STUDIOGRAPH_") or name in PASSED_ON}
    command = [sys.executable, "-m", "studiograph", "serve", "--demo", "--port", "0", "--data-dir", str(data_dir)]
    with (data_dir / LOG).open("ab") as log:
        process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=log)
    try:
        url = await asyncio.wait_for(_address(process, data_dir), READY_SECONDS)
        yield url, read_private(data_dir / TOKEN_FILE) or ""
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await asyncio.wait_for(process.communicate(), STOP_SECONDS)


async def _address(process: asyncio.subprocess.Process, data_dir: Path) -> str:
    assert process.stdout is not None
    async for line in process.stdout:
        words = line.decode().split()
        url = next((word for word in words if word.startswith("http://")), None)
        if url:
            return url.rstrip("/")
    tail = (data_dir / LOG).read_text()[-2000:]
    raise OperatorError(f"the demo's server ended with {await process.wait()} before it served:\n{tail}")


def client() -> aiohttp.ClientSession:
    """No cookie jar: the demo shows by hand which cookie goes where."""
    return aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=120))
