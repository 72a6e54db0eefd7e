"""Reads the address of a session's tool from its inspected container."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from services.compute.docker import naming
from services.compute.docker.reach import Mode
from services.compute.protocol import Upstream
from services.domain.session_name import SessionName


def at_port(container: Mapping[str, Any], name: SessionName, port: int, mode: Mode) -> Upstream | None:
    """Returns the present address of the tool that listens on `port`. It may change when the engine restarts. None if there is none."""
    settings = container.get("NetworkSettings") or {}
    if mode is Mode.PUBLISHED:
        bindings = (settings.get("Ports") or {}).get(f"{port}/tcp") or []
        return Upstream(host="127.0.0.1", port=int(bindings[0]["HostPort"])) if bindings else None
    address = ((settings.get("Networks") or {}).get(naming.network(name)) or {}).get("IPAddress")
    return Upstream(host=address, port=port) if address else None


def of_unknown_port(container: Mapping[str, Any], name: SessionName, mode: Mode) -> Upstream | None:
    """Returns the address of a tool whose port is not known: with a port only if it is published. None if it cannot be reached."""
    ports = (container.get("NetworkSettings") or {}).get("Ports") or {}
    published = next((int(inner.partition("/")[0]) for inner, bindings in ports.items() if bindings), None)
    address = at_port(container, name, published or 0, mode)
    return replace(address, port=None) if address and not published else address
