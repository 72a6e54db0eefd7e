"""Keeps sessions from the host and from one another: rules in the host's own filter, for the interfaces of our networks.

A session's network lets it talk to every port that the host listens on; only the host's filter can stop that. The first rule drops what
a session begins and leaves answers alone, so that the proxy still gets through.

The others stand in the table `mangle`, in which engines change nothing. An engine keeps networks apart by itself, and offers the chain
`DOCKER-USER`, but takes both jumps out of `FORWARD` and puts them in again with every network it makes (seen with 20.10): for
milliseconds at each start of a session, any session would reach every other, other people's containers, and the addresses at which
clouds hand out a machine's credentials. What stays within one bridge is let through: a server that has joined a session's network asks
it there.
"""

import asyncio
import os
import shutil

from services.compute.docker.naming import BRIDGE_PREFIX

INTERFACES = f"{BRIDGE_PREFIX}+"
_FORWARDED = ("mangle", "FORWARD", "-i", INTERFACES)
RULES = (
    ("filter", "INPUT", "-i", INTERFACES, "-m", "conntrack", "--ctstate", "NEW", "-j", "DROP"),
    (*_FORWARDED, "-o", INTERFACES, "-m", "physdev", "!", "--physdev-is-bridged", "-j", "DROP"),
    (*_FORWARDED, "-o", "docker0", "-j", "DROP"),
    (*_FORWARDED, "-o", "br-+", "-j", "DROP"),
    (*_FORWARDED, "-d", "169.254.0.0/16", "-j", "DROP"),
)
"""Table, chain, match. `docker0` and `br-...` are what engines call the bridges of other networks."""
SECONDS = 5.0
BUSY = 4
"""iptables: a resource problem, as when somebody else changes the filter."""
ATTEMPTS = 5
OPEN = "Sessions can reach ports that this machine listens on, one another, or a cloud's metadata: {}."


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
        if not await _iptables("-C", rule):
            return OPEN.format(f"a rule is not in the packet filter (iptables {' '.join(_words('-I', rule))})")
    return None


def _may() -> bool:
    return os.geteuid() == 0 and shutil.which("iptables") is not None


async def _ensure(rule: tuple[str, ...]) -> bool:
    """`-C` asks whether it is there. Two servers at once may add it twice, which does no harm."""
    return await _iptables("-C", rule) or await _iptables("-I", rule)


def _words(act: str, rule: tuple[str, ...]) -> tuple[str, ...]:
    table, *rest = rule
    return "-t", table, act, *rest


async def _iptables(act: str, rule: tuple[str, ...]) -> bool:
    """Asked again where another program, such as the engine, changed the filter at this moment: that says nothing about the rule."""
    for _ in range(ATTEMPTS):
        if (code := await _exit_code(*_words(act, rule))) != BUSY:
            return code == 0
    return False


async def _exit_code(*words: str) -> int | None:
    """None when it took too long."""
    nowhere = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec("iptables", "-w", "2", *words, stdin=nowhere, stdout=nowhere, stderr=nowhere)
    try:
        async with asyncio.timeout(SECONDS):
            return await process.wait()
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await asyncio.shield(process.wait())
