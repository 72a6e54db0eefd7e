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
OPEN = "Sessions can reach ports that this machine listens on: {}."


async def close_host(*, local: bool) -> str | None:
    """Have the rules in place; None, or why sessions can reach the host."""
    if not local:
        return OPEN.format("the engine's machine keeps its own filter, which this server cannot see")
    if os.geteuid() != 0 or shutil.which("iptables") is None:
        return OPEN.format("this server may not change the machine's packet filter (it needs root and iptables)")
    if not await _ensure(RULES[0]):
        return OPEN.format("the packet filter refused the rule")
    await _ensure(RULES[1])
    return None


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
