"""Starts the demo's own server: `studiograph serve --demo` on a free port."""

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

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
LOG_FILE = "server.log"
INHERITED_VARIABLES = tuple(f"STUDIOGRAPH_{name}" for name in ("DOCKER_URL", "DOCKER_SUBNETS", "IMAGE_BASE", "IMAGE_CERTIFICATES"))
"""Settings of the machine, which the demo's server takes over; all others are its own."""


@asynccontextmanager
async def own_server(data_dir: Path) -> AsyncIterator[tuple[str, str]]:
    """Runs the server during the block; yields its address and the demo user's token. Raises OperatorError if it does not start."""
    env_vars = {name: value for name, value in os.environ.items() if not name.startswith("STUDIOGRAPH_") or name in INHERITED_VARIABLES}
    command = [sys.executable, "-m", "studiograph", "serve", "--demo", "--port", "0", "--data-dir", str(data_dir)]
    with (data_dir / LOG_FILE).open("ab") as log_file:
        process = await asyncio.create_subprocess_exec(*command, env=env_vars, stdout=asyncio.subprocess.PIPE, stderr=log_file)
    try:
        url = await asyncio.wait_for(_address(process, data_dir), READY_TIMEOUT_S)
        yield url, read_private(data_dir / TOKEN_FILE) or ""
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await asyncio.wait_for(process.communicate(), STOP_TIMEOUT_S)


async def _address(process: asyncio.subprocess.Process, data_dir: Path) -> str:
    assert process.stdout is not None
    async for line in process.stdout:
        words = line.decode().split()
        url = next((word for word in words if word.startswith("http://")), None)
        if url:
            return url.rstrip("/")
    tail = (data_dir / LOG_FILE).read_text()[-2000:]
    raise OperatorError(f"the demo's server ended with {await process.wait()} before it served:\n{tail}")


def client() -> aiohttp.ClientSession:
    """Returns an HTTP client without a cookie jar, because the demo sends each cookie explicitly."""
    return aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=120))
