"""Creates a network for each session, with a subnet from a pool of its own: an engine's pools end after about 31 networks.

The engine is asked each time which subnets are in use: it also knows those of other programs, and a row in the database could only differ
from it. It refuses an overlap, so that of two controllers the second tries the next subnet. The search begins at an index that is computed
from the session's name, so that two sessions seldom try the same.
"""

import asyncio
import hashlib
import ipaddress
from collections.abc import Iterable, Iterator
from typing import Any

from services.compute.docker import naming, routes
from services.compute.docker.engine import Absent, Conflict, Engine
from services.compute.protocol import ComputeFailed, ComputeUnknown
from services.domain.session_name import SessionName

Network = ipaddress.IPv4Network
PREFIX_LENGTH = 28
MAX_SUBNET_TRIES = 64
BRIDGE_NAME = "com.docker.network.bridge.name"
SUBNET_TAKEN_ERRORS = ("overlap", "already exists", "is in use", "conflicts with network")


class Networks:
    """The sessions' networks on one engine. Their subnets come from `pool`."""

    def __init__(self, engine: Engine, environment_id: str, pool: Network) -> None:
        self._engine = engine
        self._environment_id = environment_id
        self._pool = pool
        self._lock = asyncio.Lock()

    async def ensure(self, name: SessionName) -> str:
        """Returns the id of the session's network, created if it is missing. Raises ComputeFailed if the pool is used up."""
        network = await self._engine.find(f"networks/{naming.network(name)}")
        if network is None:
            async with self._lock:
                return await self._make(name)
        naming.require(name, self._environment_id, network["Labels"])
        return str(network["Id"])

    async def remove(self, name: SessionName) -> None:
        """Removes the session's network. Containers that are still attached are detached first."""
        network = await self._engine.find(f"networks/{naming.network(name)}")
        if network is None or naming.read(network["Labels"]) != name:
            return
        for container_id in network.get("Containers") or {}:
            await self.detach(network["Id"], container_id)
        try:
            await self._engine.call("DELETE", f"networks/{network['Id']}")
        except Absent:
            return
        except (Conflict, ComputeFailed) as error:
            raise ComputeUnknown(f"the session's network could not be removed: {error}") from error

    async def bridges(self) -> set[str]:
        """Returns the host's interfaces of all bridge networks on this engine, whoever created them."""
        return {_bridge(network) for network in await self._engine.all("networks") if network["Driver"] == "bridge"}

    async def attach(self, name: SessionName, container_id: str) -> None:
        """Attaches a container (the server's own) to the session's network. Does nothing if it is attached."""
        try:
            await self._engine.call("POST", f"networks/{naming.network(name)}/connect", body={"Container": container_id})
        except (Conflict, ComputeFailed) as error:
            if "already exists" not in str(error):
                raise ComputeUnknown(f"this server's container cannot join the session's network: {error}") from error
        except Absent as error:
            raise ComputeUnknown("the session's network was removed at this moment") from error

    async def detach(self, network_id: str, container_id: str) -> None:
        try:
            await self._engine.call("POST", f"networks/{network_id}/disconnect", body={"Container": container_id, "Force": True})
        except (Absent, Conflict, ComputeFailed):
            return  # it has left by itself

    async def _make(self, name: SessionName) -> str:
        used = _subnets(await self._engine.all("networks"))
        used += await asyncio.to_thread(routes.networks)  # a local engine's sessions must not hide them
        for _, subnet in zip(range(MAX_SUBNET_TRIES), self.free_subnets(name, used), strict=False):
            try:
                created = await self._engine.call("POST", "networks/create", body=self._body(name, subnet))
            except (Conflict, ComputeFailed) as error:
                if not any(word in str(error) for word in SUBNET_TAKEN_ERRORS):
                    raise ComputeFailed(f"The session's network could not be made: {error}") from error
                if (existing := await self._engine.find(f"networks/{naming.network(name)}")) is not None:
                    return str(existing["Id"])
            else:
                return str(created["Id"])
        raise ComputeFailed(f"No subnet of {self._pool} is free for another session. Give the compute environment a larger pool.")

    def free_subnets(self, name: SessionName, used: Iterable[Network]) -> Iterator[Network]:
        taken = [(int(network.network_address), int(network.broadcast_address)) for network in used if network.overlaps(self._pool)]
        size = 1 << (32 - PREFIX_LENGTH)
        count = self._pool.num_addresses // size
        begin = int.from_bytes(hashlib.sha256(str(name).encode()).digest()[:4], "big")
        for step in range(count):
            first = int(self._pool.network_address) + (begin + step) % count * size
            if all(first > last or first + size - 1 < start for start, last in taken):
                yield Network((first, PREFIX_LENGTH))

    def _body(self, name: SessionName, subnet: Network) -> dict[str, Any]:
        return {
            "Name": naming.network(name),
            "CheckDuplicate": True,
            "Driver": "bridge",
            "EnableIPv6": False,
            "IPAM": {"Driver": "default", "Config": [{"Subnet": str(subnet)}]},
            "Options": {BRIDGE_NAME: naming.bridge(name)},
            "Labels": naming.labels(name, self._environment_id),
        }


def _bridge(network: dict[str, Any]) -> str:
    return str((network.get("Options") or {}).get(BRIDGE_NAME) or f"br-{network['Id'][:12]}")


def _subnets(networks: Iterable[dict[str, Any]]) -> list[Network]:
    configs = [config for network in networks for config in (network.get("IPAM") or {}).get("Config") or []]
    return [Network(config["Subnet"], strict=False) for config in configs if "." in config.get("Subnet", "")]
