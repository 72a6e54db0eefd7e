"""Finds the address of a session's tool, and checks with one HTTP request whether it is ready."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from services.compute.docker import naming
from services.compute.docker.reach import Mode
from services.compute.protocol import Upstream
from services.domain.session_name import SessionName

SECONDS = 2.0


def upstream(container: Mapping[str, Any], name: SessionName, port: int, mode: Mode) -> Upstream | None:
    """Returns the present address of the tool: it may change when the engine restarts."""
    settings = container.get("NetworkSettings") or {}
    if mode is Mode.PUBLISHED:
        bindings = (settings.get("Ports") or {}).get(f"{port}/tcp") or []
        return Upstream(host="127.0.0.1", port=int(bindings[0]["HostPort"])) if bindings else None
    address = ((settings.get("Networks") or {}).get(naming.network(name)) or {}).get("IPAddress")
    return Upstream(host=address, port=port) if address else None


def moved(container: Mapping[str, Any], name: SessionName, mode: Mode) -> Upstream | None:
    """Does the same for a session whose port is not known: only a published port tells it. None if this server cannot reach it."""
    ports = (container.get("NetworkSettings") or {}).get("Ports") or {}
    published = next((int(inner.partition("/")[0]) for inner, bindings in ports.items() if bindings), None)
    address = upstream(container, name, published or 0, mode)
    return replace(address, port=None) if address and not published else address


async def answers(target: Upstream, path: str) -> bool:
    """Returns whether an HTTP response of any status comes back within two seconds (B3)."""
    try:
        async with asyncio.timeout(SECONDS):
            return (await _first_line(target, path)).startswith(b"HTTP/")
    except (OSError, TimeoutError, ValueError):
        return False


async def _first_line(target: Upstream, path: str) -> bytes:
    reader, writer = await asyncio.open_connection(target.host, target.port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        return await reader.readline()
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
