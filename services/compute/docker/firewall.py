"""Adds iptables rules that block connections from sessions to the host and to other sessions.

A session can reach every port that the host listens on through its network; only the host's filter can stop that. The first rule drops
connections that a session begins and lets answers pass, so that the proxy still reaches it.

All rules are in the table `mangle`, in which engines change nothing, and which is evaluated before `filter`. An engine
keeps networks apart by itself, and offers the chain `DOCKER-USER`, but takes both jumps out of `FORWARD` and puts them in again with
every network it makes (seen with 20.10): for milliseconds at each start of a session, any session would reach every other, other
people's containers, and the addresses at which clouds hand out a machine's credentials. Packets within one bridge pass: a
server that has joined a session's network reaches it there.
"""

import asyncio
import os
import shutil
from collections.abc import Iterable

from services.compute.docker import routes
from services.compute.docker.naming import BRIDGE_PREFIX

INTERFACES = f"{BRIDGE_PREFIX}+"
DEFAULT_BRIDGES = ("docker0", "br-+")
"""The names that engines give to the bridges of other networks by default."""
METADATA = ("169.254.0.0/16", "100.100.100.200/32", "168.63.129.16/32")
"""Most clouds; Alibaba's; Azure's. Some answer for names there too (Google's, Azure's), and an engine asks from within the session."""
_FORWARDED = ("FORWARD", "-i", INTERFACES)
_NO_NAME = ("!", "--dport", "53", "-j", "DROP")
RULES = (
    ("INPUT", "-i", INTERFACES, "-m", "conntrack", "--ctstate", "NEW", "-j", "DROP"),
    (*_FORWARDED, "-o", INTERFACES, "-m", "physdev", "!", "--physdev-is-bridged", "-j", "DROP"),
    *((*_FORWARDED, "-d", address, "-p", "tcp", *_NO_NAME) for address in METADATA),
    (*_FORWARDED, "-d", METADATA[0], "-p", "udp", *_NO_NAME),
)
"""Chain and match of each rule."""
IPTABLES_TIMEOUT_SECONDS = 10.0
"""The time limit for all rules together. It is shorter than the 30 s of a check, so that a filter that hangs is not taken for an engine
that hangs."""
IPTABLES_BUSY_EXIT_CODE = 4
"""The exit code of iptables for a resource problem, as when another program changes the filter."""
MAX_IPTABLES_ATTEMPTS = 5
OPEN_MESSAGE = "Sessions can reach ports that this machine listens on, one another, or a cloud's metadata: {}."
REMOTE_FILTER_MESSAGE = OPEN_MESSAGE.format("the engine's machine keeps its own filter, which this server cannot see")


async def why_open(bridges: Iterable[str], *, close: bool) -> str | None:
    """Returns why sessions can reach the host, as a warning; None if they cannot. `bridges` are those of other networks.

    With `close`, missing rules are put in place first, if this process may.
    """
    if not _can_change_filter():
        return OPEN_MESSAGE.format("this server may not change the machine's packet filter (it needs root and iptables)")
    try:
        async with asyncio.timeout(IPTABLES_TIMEOUT_SECONDS):
            missing = [rule for rule in await _rules(bridges) if not await _is_in_place(rule, close=close)]
    except TimeoutError:
        return OPEN_MESSAGE.format(f"iptables did not say within {IPTABLES_TIMEOUT_SECONDS:g} s what is in the packet filter")
    if missing:
        return OPEN_MESSAGE.format(f"a rule is not in the packet filter (iptables {' '.join(_iptables_arguments('-I', missing[0]))})")
    return None


def _can_change_filter() -> bool:
    return os.geteuid() == 0 and shutil.which("iptables") is not None


async def _rules(bridges: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Returns the rules. The machine's own uplink is never closed: it may be a bridge too (`br-lan`), with networks of an engine on it."""
    uplinks = await asyncio.to_thread(routes.uplinks)
    closed = [name for name in DEFAULT_BRIDGES if not any(_covers(name, uplink) for uplink in uplinks)]
    named = [bridge for bridge in sorted(set(bridges) - uplinks) if not any(_covers(name, bridge) for name in (*closed, INTERFACES))]
    return (*RULES, *((*_FORWARDED, "-o", bridge, "-j", "DROP") for bridge in (*closed, *named)))


def _covers(name: str, bridge: str) -> bool:
    return bridge.startswith(name[:-1]) if name.endswith("+") else bridge == name


async def _is_in_place(rule: tuple[str, ...], *, close: bool) -> bool:
    """Returns whether the rule is there, or was added now. Two servers at once may add it twice, which does no harm."""
    code = await _iptables("-C", rule)
    if close and code not in (0, IPTABLES_BUSY_EXIT_CODE, None):
        code = await _iptables("-I", rule)
    return code == 0


def _iptables_arguments(act: str, rule: tuple[str, ...]) -> tuple[str, ...]:
    return "-t", "mangle", act, *rule


async def _iptables(act: str, rule: tuple[str, ...]) -> int | None:
    """Returns the exit code. Tries again if another program, such as the engine, changed the filter at this moment."""
    code = None
    for _ in range(MAX_IPTABLES_ATTEMPTS):
        if (code := await _exit_code(*_iptables_arguments(act, rule))) != IPTABLES_BUSY_EXIT_CODE:
            break
    return code


async def _exit_code(*words: str) -> int | None:
    """Returns the exit code of iptables; None if it cannot be run."""
    devnull = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec("iptables", "-w", "2", *words, stdin=devnull, stdout=devnull, stderr=devnull)
    except OSError:
        return None
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await asyncio.shield(process.wait())
