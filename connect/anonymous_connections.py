"""Bounds the number of connections whose clients have not authenticated, in all and for each address."""

from collections import defaultdict
from ipaddress import ip_interface
from typing import Any, Protocol

MAX_CONNECTIONS = 4000
MAX_CONNECTIONS_PER_ADDRESS = 1000
IPV6_PREFIX_BITS = 64
"""The part of an IPv6 address that counts: one client usually has the whole network behind it."""


class AnonymousConnection(Protocol):
    """A connection that can be closed to make room."""

    def close_for_room(self) -> None:
        """Closes the connection because there are too many."""


class AnonymousConnections:
    """Counts the connections. Over a bound, the one that has been anonymous for the longest time is closed: an ordinary client
    authenticates, or is answered, within moments. A bound of 0 is none."""

    def __init__(self, max_connections: int = MAX_CONNECTIONS, max_per_address: int = MAX_CONNECTIONS_PER_ADDRESS) -> None:
        self._max_connections = max_connections
        self._max_per_address = max_per_address
        self._addresses: dict[AnonymousConnection, str] = {}
        """In the order of their age, as are those of each address."""
        self._by_address: defaultdict[str, dict[AnonymousConnection, None]] = defaultdict(dict)

    def __len__(self) -> int:
        """Returns the number of anonymous connections."""
        return len(self._addresses)

    def add(self, connection: AnonymousConnection, peer: Any) -> None:
        """Counts a new connection of the socket address `peer`; connections of unix sockets count in all only."""
        address = _client_address(peer)
        if address and self._max_per_address and len(self._by_address[address]) >= self._max_per_address:
            self._close_first(self._by_address[address])
        elif self._max_connections and len(self._addresses) >= self._max_connections:
            self._close_first(self._addresses)
        self._addresses[connection] = address
        self._by_address[address][connection] = None

    def remove(self, connection: AnonymousConnection) -> None:
        """Ends the counting of a connection that has ended, or whose client has authenticated."""
        address = self._addresses.pop(connection, None)
        if address is not None:
            del self._by_address[address][connection]
            if not self._by_address[address]:
                del self._by_address[address]

    def _close_first(self, connections: dict[AnonymousConnection, Any]) -> None:
        oldest = next(iter(connections))
        self.remove(oldest)
        oldest.close_for_room()


def _client_address(peer: Any) -> str:
    if not isinstance(peer, tuple):
        return ""
    address = str(peer[0]).partition("%")[0]
    return str(ip_interface(f"{address}/{IPV6_PREFIX_BITS}").network) if ":" in address and "." not in address else address
