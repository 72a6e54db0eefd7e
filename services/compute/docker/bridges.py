"""Removes network bridges that an engine left behind because it was killed while it removed their network.

The engine cannot be asked for what it has forgotten, so the interface is removed directly: on this machine only, and where this process
may. An interface that stays keeps its subnet from being used again.
"""

import asyncio
import os
import shutil
from pathlib import Path

INTERFACES = Path("/sys/class/net")
DELETE_TIMEOUT_SECONDS = 5.0


async def discard(interface: str) -> None:
    """Removes the interface, whose network was removed. Does nothing if there is none."""
    if not (INTERFACES / interface).exists() or os.geteuid() != 0 or shutil.which("ip") is None:
        return
    devnull = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec("ip", "link", "delete", interface, stdin=devnull, stdout=devnull, stderr=devnull)
    try:
        async with asyncio.timeout(DELETE_TIMEOUT_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await asyncio.shield(process.wait())
