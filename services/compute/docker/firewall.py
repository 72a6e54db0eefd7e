"""Keeps sessions from the host: a rule in the host's own filter, for the interfaces of our networks.

A session's network lets it talk to every port that the host listens on; only the host's filter can stop that. The rule drops what a
session begins and leaves answers alone, so that the proxy still gets through. A second rule keeps it from the addresses at which
clouds hand out a machine's credentials.
"""

import asyncio
import os
import shutil

from services.compute.docker.naming import BRIDGE_PREFIX

INTERFACES = f"{BRIDGE_PREFIX}+"
RULES = (
    ("INPUT", "-i", INTERFACES, "-m", "conntrack", "--ctstate", "NEW", "-j", "DROP"),
    ("DOCKER-USER", "-i", INTERFACES, "-d", "169.254.0.0/16", "-j", "DROP"),
)
SECONDS = 5.0
OPEN = "Sessions can reach ports that this machine listens on, or a cloud's metadata: {}."


async def close_host() -> None:
    """Have the rules in place, if this process may; `why_open` tells whether they are."""
    if _may():
        for rule in RULES:
            await _ensure(rule)


async def why_open(*, local: bool) -> str | None:
    """None when sessions cannot reach the host; else why they can."""
    if not local:
        return OPEN.format("the engine's machine keeps its own filter, which this server cannot see")
    if not _may():
        return OPEN.format("this server may not change the machine's packet filter (it needs root and iptables)")
    for rule in RULES:
        if not await _iptables("-C", *rule):
            return OPEN.format(f"a rule is not in the packet filter (iptables -I {' '.join(rule)})")
    return None


def _may() -> bool:
    return os.geteuid() == 0 and shutil.which("iptables") is not None


async def _ensure(rule: tuple[str, ...]) -> bool:
    """`-C` asks whether it is there. Two servers at once may add it twice, which does no harm."""
    return await _iptables("-C", *rule) or await _iptables("-I", *rule)


async def _iptables(*words: str) -> bool:
    nowhere = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec("iptables", "-w", "2", *words, stdin=nowhere, stdout=nowhere, stderr=nowhere)
    try:
        async with asyncio.timeout(SECONDS):
            return await process.wait() == 0
    except TimeoutError:
        return False
    finally:
        if process.returncode is None:
            process.kill()
            await asyncio.shield(process.wait())
