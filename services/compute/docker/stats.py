"""Reads a container's CPU, memory and network use from the engine.

An engine of 20.10 answers with its next look at the container, which it takes once a second for all that are asked for: a call may
take a second, and many at once take no longer. Newer ones answer at once.
"""

from collections.abc import Mapping
from typing import Any

from services.compute.docker.engine import Conflict, Engine
from services.compute.docker.observation import ZERO_TIME
from services.compute.protocol import ComputeUnknown, Usage

NS_PER_SECOND = 1_000_000_000
ONE_SHOT_QUERY = {"stream": 0, "one-shot": 1}
RECLAIMABLE = ("total_inactive_file", "inactive_file")
"""The file cache that the kernel drops first, under cgroup v1 and v2 (v1 has both names, and means less by the second).
`docker stats` leaves it out as well."""


async def usage(engine: Engine, container: str) -> Usage | None:
    """Returns the usage of a container by its name or id; None if it does not run. Raises Absent, ComputeUnknown."""
    try:
        statistics = await engine.call("GET", f"containers/{container}/stats", params=ONE_SHOT_QUERY)
    except Conflict:
        return None  # it is being removed
    if not isinstance(statistics, dict) or "read" not in statistics:
        raise ComputeUnknown("the Docker Engine's answer cannot be read (stats)")
    return None if statistics["read"].startswith(ZERO_TIME) else read(statistics)


def read(statistics: Mapping[str, Any]) -> Usage:
    """Translates the engine's statistics. Raises ComputeUnknown if it does not count processor time or memory."""
    try:
        cpu, memory = statistics["cpu_stats"]["cpu_usage"]["total_usage"], statistics["memory_stats"]
        return Usage(
            cpu_seconds=cpu / NS_PER_SECOND,
            memory_bytes=_used(memory),
            memory_limit_bytes=memory.get("limit"),
            network_received_bytes=_network(statistics, "rx_bytes"),
            network_sent_bytes=_network(statistics, "tx_bytes"),
            processes=(statistics.get("pids_stats") or {}).get("current"),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ComputeUnknown(f"the Docker Engine does not count what sessions use ({error})") from error


def _used(memory: Mapping[str, Any]) -> int:
    counted = memory.get("stats") or {}
    cache = next((counted[name] for name in RECLAIMABLE if name in counted), 0)
    used: int = memory["usage"]
    return used - cache if cache < used else used


def _network(statistics: Mapping[str, Any], direction: str) -> int | None:
    """Returns the sum over its interfaces; None without a network."""
    interfaces = statistics.get("networks")
    return sum(interface[direction] for interface in interfaces.values()) if interfaces else None
