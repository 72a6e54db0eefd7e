"""Building an image on the engine (the classic builder: every engine has it), with what it prints as it comes."""

import json
from collections.abc import Mapping
from typing import Any

from services.compute.docker.engine import Absent, Engine
from services.compute.docker.said import Said
from services.compute.protocol import ComputeFailed, ComputeUnknown, Printer

SILENCE = 900.0
"""Seconds in which a build must print something: an installation of packages can be long and quiet."""
NO_BASE = ("pull access denied", "manifest unknown", "no such host", "dial tcp", "i/o timeout", "Client.Timeout", "not found")
ADVICE = (
    "Its base image is not on the engine, and no registry gave it. Load it there, or name another base with STUDIOGRAPH_IMAGE_BASE "
    "(any Debian or Ubuntu image with Python will do), and retry the build."
)


async def build(engine: Engine, reference: str, context: bytes, arguments: Mapping[str, str], printed: Printer) -> None:
    """Build the tar `context` into `reference`. The engine ends the build when we go away, and keeps the steps that were done.

    Raises ComputeFailed, ComputeUnknown: also when the answer ends without saying that the build did, and when the engine ends.
    """
    params = {"t": reference, "buildargs": json.dumps(dict(arguments)), "forcerm": "true", "rm": "true"}
    made = False
    try:
        async with engine.stream("POST", "build", params, SILENCE, archive=context) as response:
            said = Said(engine, "build", response, SILENCE)
            while (line := await said.next()) is not None:
                made = made or "ID" in (line.get("aux") or {})
                await _said(line, printed)
    except Absent as error:
        raise ComputeFailed(str(error)) from error
    except ComputeFailed:
        await _stays(engine)
        raise
    if not made:
        raise ComputeUnknown("the Docker Engine broke the build off without a word")


async def _stays(engine: Engine) -> None:
    """An engine that is asked to end takes no new connection, and then ends the containers of its builds: such a build has not failed.

    Raises ComputeUnknown.
    """
    another = Engine(engine.url)
    try:
        await another.call("GET", "_ping")
    finally:
        await another.close()


async def _said(line: dict[str, Any], printed: Printer) -> None:
    if "error" in line:
        text = str(line["error"]).strip()
        await printed(f"{text}\n".encode())
        raise ComputeFailed(f"{text}. {ADVICE}" if any(words in text for words in NO_BASE) else f"{text}. The build's log says more.")
    if line.get("stream"):
        await printed(str(line["stream"]).encode())
    elif line.get("status") and not line.get("progressDetail"):  # a base image that is being pulled
        await printed(f"{line.get('id', '')} {line['status']}\n".lstrip().encode())
