"""Building an image on the engine (the classic builder: every engine has it), with what it prints as it comes."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from services.compute.docker.engine import Absent, Conflict, Engine
from services.compute.docker.said import Said
from services.compute.protocol import ComputeFailed, ComputeUnknown, Printer

SILENCE = 900.0
"""Seconds in which a build must print something: an installation of packages can be long and quiet."""
SIGN_SECONDS = 15.0
"""A step that is quiet and an engine that hangs are told apart by a sign of life."""
REMOVE_SECONDS = 60.0
BEGUN, REMOVED = (re.compile(words + r" ([0-9a-f]{12})\b") for words in ("---> Running in", "Removing intermediate container"))
NO_BASE = ("pull access denied", "manifest unknown", "no such host", "dial tcp", "i/o timeout", "Client.Timeout", "not found")
ADVICE = (
    "Its base image is not on the engine, and no registry gave it. Load it there, or name another base with STUDIOGRAPH_IMAGE_BASE "
    "(any Debian or Ubuntu image with Python will do), and retry the build."
)


async def build(engine: Engine, reference: str, context: bytes, arguments: Mapping[str, str], printed: Printer, left: set[str]) -> None:
    """Build the tar `context` into `reference`. The engine ends the build when we go away, and keeps the steps that were done.

    `left`: the containers of steps that engines left when they died; they are removed first, and those of this build noted.
    Raises ComputeFailed, ComputeUnknown: also when the answer ends without saying that the build did, and when the engine ends.
    """
    await engine.sign_of_life()
    await _clear(engine, left)
    at_work: set[str] = set()
    try:
        await _build(engine, reference, context, arguments, printed, at_work)
    except Absent as error:
        raise ComputeFailed(str(error)) from error
    except ComputeFailed:
        await _stays(engine)
        raise
    except ComputeUnknown:
        left |= at_work
        raise


async def _build(engine: Engine, reference: str, context: bytes, arguments: Mapping[str, str], printed: Printer, at_work: set[str]) -> None:
    params = {"t": reference, "buildargs": json.dumps(dict(arguments)), "forcerm": "true", "rm": "true"}
    made = False
    async with engine.stream("POST", "build", params, SILENCE, archive=context) as response:
        said = Said(engine, "build", response, SILENCE)
        while (line := await said.next_alive(SIGN_SECONDS)) is not None:
            made = made or "ID" in (line.get("aux") or {})
            _note(str(line.get("stream")), at_work)
            await _said(line, printed)
    if not made:
        raise ComputeUnknown("the Docker Engine broke the build off without a word")


def _note(text: str, at_work: set[str]) -> None:
    at_work.update(BEGUN.findall(text))
    at_work.difference_update(REMOVED.findall(text))


async def _clear(engine: Engine, left: set[str]) -> None:
    """A killed engine has forgotten what its builds had at work, and keeps it for good. Raises ComputeUnknown."""
    for container_id in list(left):
        with suppress(Absent, Conflict):
            await engine.call("DELETE", f"containers/{container_id}", params={"force": True, "v": True}, limit=REMOVE_SECONDS)
        left.discard(container_id)


async def _stays(engine: Engine) -> None:
    """An engine that is asked to end takes no new connection, and then ends the containers of its builds: such a build has not failed.

    Raises ComputeUnknown.
    """
    another = Engine(engine.url)
    try:
        await another.sign_of_life()
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
