"""Reads this machine's IPv4 routes from the kernel, which lists networks and masks as little-endian hex."""

import ipaddress
from pathlib import Path

ROUTE_TABLE_FILE = Path("/proc/net/route")


def networks() -> list[ipaddress.IPv4Network]:
    """Returns the networks of all routes except the default ones."""
    return [network for _, network in _table() if network.prefixlen]


def uplinks() -> set[str]:
    """Returns the interfaces of the default routes."""
    return {interface for interface, network in _table() if not network.prefixlen}


def _table() -> list[tuple[str, ipaddress.IPv4Network]]:
    routes = []
    for line in ROUTE_TABLE_FILE.read_text().splitlines()[1:] if ROUTE_TABLE_FILE.exists() else []:
        interface, *fields = line.split()
        target, mask = (int.from_bytes(bytes.fromhex(fields[at]), "little") for at in (0, 6))
        routes.append((interface, ipaddress.IPv4Network((target, mask.bit_count()))))
    return routes
