"""Marks an engine with a labelled volume, by which it is told from another engine.

`Info.ID` does not tell: all engines of one machine may have the same.
"""

from services.compute.docker import naming
from services.compute.docker.engine import Absent, Engine
from services.compute.protocol import ComputeUnknown


async def read(engine: Engine) -> str | None:
    """Returns the id that marks the engine; None if there is no marker. Raises ComputeUnknown, ComputeFailed."""
    try:
        volume = await engine.call("GET", f"volumes/{naming.ENGINE_VOLUME}")
    except Absent:
        return None
    if not isinstance(volume, dict) or volume.get("Name") != naming.ENGINE_VOLUME:
        raise ComputeUnknown("the Docker Engine's answer cannot be read (volumes)")
    return (volume.get("Labels") or {}).get(naming.ENGINE) or None


async def write(engine: Engine, engine_id: str) -> str | None:
    """Creates the marker, unless there is one: the engine then answers with the existing volume. Returns the id that marks the engine."""
    volume = {"Name": naming.ENGINE_VOLUME, "Driver": "local", "Labels": {naming.ENGINE: engine_id}}
    await engine.call("POST", "volumes/create", body=volume)
    return await read(engine)
