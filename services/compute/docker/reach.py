"""Detects how this process reaches the tools of sessions (docs/architecture.md, "Compute environments").

DIRECT: at the container's own address. PUBLISHED: at a port of 127.0.0.1 that the engine forwards. JOINED: this process is itself a
container of the engine, and is attached to each session's network.
"""

import asyncio
import errno
import re
import socket
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from services.compute.docker.engine import UNIX_SCHEME, Engine
from services.compute.protocol import ComputeFailed

MOUNTS = Path("/proc/self/mountinfo")
OWN_FILES = re.compile(r"/containers/([0-9a-f]{64})/\S+ /etc/(?:hostname|hosts|resolv\.conf) ")
"""Matches the files that an engine mounts into each container, and no mount of a host that runs containers."""
HOSTNAME = re.compile(r"^[0-9a-f]{12}$")


class Mode(StrEnum):
    """The ways to reach sessions; see the module."""

    DIRECT = "DIRECT"
    PUBLISHED = "PUBLISHED"
    JOINED = "JOINED"

    @property
    def meaning(self) -> str:
        return {
            Mode.DIRECT: "Sessions are reached at their own addresses.",
            Mode.PUBLISHED: "Sessions are reached at published ports of 127.0.0.1.",
            Mode.JOINED: "Sessions are reached in their networks, which this server's container joins.",
        }[self]


@dataclass(frozen=True, slots=True)
class Reach:
    """The mode, and for JOINED the id of this server's container."""

    mode: Mode
    own_container: str | None = None


async def find(engine: Engine) -> Reach:
    """Decides by whether the engine runs this process, and whether its default bridge is an interface here. Raises ComputeFailed."""
    own = await _own_container(engine)
    if own is not None:
        return Reach(Mode.DIRECT) if own["HostConfig"]["NetworkMode"] == "host" else Reach(Mode.JOINED, own["Id"])
    if await _shares_network(engine):
        return Reach(Mode.DIRECT)
    if not engine.url.startswith(UNIX_SCHEME):
        raise ComputeFailed(f"The engine at {engine.url} is on another machine, and its sessions cannot be reached from here.")
    return Reach(Mode.PUBLISHED)


async def _own_container(engine: Engine) -> dict[str, Any] | None:
    """Returns this process's container on this engine; None if it runs in no container, or in one of another engine."""
    for candidate in await asyncio.to_thread(_candidates):
        if (container := await engine.find(f"containers/{candidate}/json")) is not None:
            return container
    return None


def _candidates() -> list[str]:
    container_ids = set(OWN_FILES.findall(MOUNTS.read_text())) if MOUNTS.exists() else set()
    return sorted({*container_ids, *HOSTNAME.findall(socket.gethostname())})


async def _shares_network(engine: Engine) -> bool:
    """Returns whether the gateway of the engine's default bridge is an address of this machine: then both share a network namespace."""
    bridge = await engine.find("networks/bridge")
    configs = ((bridge or {}).get("IPAM") or {}).get("Config") or []
    return any(_is_ours(config.get("Gateway") or _first(config["Subnet"])) for config in configs if "." in config["Subnet"])


def _first(subnet: str) -> str:
    """Returns the address that an engine takes as the gateway by default."""
    return str(IPv4Network(subnet, strict=False)[1])


def _is_ours(address: str) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError as error:
            return error.errno not in (errno.EADDRNOTAVAIL, errno.EACCES)
        return True
