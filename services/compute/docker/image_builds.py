"""Builds an image on the engine with the classic builder, which every engine has, and passes on what it prints."""

import io
import json
import re
import tarfile
from collections.abc import Mapping
from typing import Any

from services.compute.docker.engine import Absent, Engine
from services.compute.docker.json_stream import JsonStream
from services.compute.protocol import ComputeFailed, ComputeUnknown, OutputSink

MAX_SILENCE_SECONDS = 900.0
"""How long a build may print nothing: an installation of packages can be long and quiet."""
PING_SECONDS = 15.0
"""The interval of pings, which tell a quiet step from an engine that hangs."""
BASE_IMAGE_ERRORS = ("pull access denied", "manifest unknown", "no such host", "dial tcp", "i/o timeout", "Client.Timeout", "not found")
BASE_IMAGE_ADVICE = (
    "Its base image {base} is not on the engine, and no registry gave it. Load it there and start the Studio again; or start the server "
    "with another base in STUDIOGRAPH_IMAGE_BASE: one of Debian 12 suits all provided recipes."
)
DOCKERFILE = "Dockerfile"
FROM = re.compile(r"^FROM\s+(\S+)", re.MULTILINE)
ARGUMENT = re.compile(r"^ARG\s+(\w+)=(\S+)", re.MULTILINE)


async def build(engine: Engine, reference: str, context: bytes, arguments: Mapping[str, str], output: OutputSink) -> None:
    """Builds the tar `context` into `reference`. The engine ends a build whose caller goes away, and keeps the finished steps.

    Raises ComputeFailed, ComputeUnknown: also when the answer ends without saying that the build did, and when the engine ends.
    """
    await engine.ping()
    try:
        await _build(engine, reference, context, arguments, output)
    except Absent as error:
        raise ComputeFailed(str(error)) from error
    except _BaseImageMissing as error:
        raise ComputeFailed(f"{error}. {BASE_IMAGE_ADVICE.format(base=base(context, arguments))}") from None
    except ComputeFailed:
        await _require_running(engine)
        raise


async def _build(engine: Engine, reference: str, context: bytes, arguments: Mapping[str, str], output: OutputSink) -> None:
    params = {"t": reference, "buildargs": json.dumps(dict(arguments)), "forcerm": "true", "rm": "true"}
    is_built = False
    async with engine.stream("POST", "build", params, MAX_SILENCE_SECONDS, archive=context) as response:
        stream = JsonStream(engine, "build", response, MAX_SILENCE_SECONDS)
        while (line := await stream.next_with_pings(PING_SECONDS)) is not None:
            is_built = is_built or "ID" in (line.get("aux") or {})
            await _forward_line(line, output)
    if not is_built:
        raise ComputeUnknown("the Docker Engine ended the build without a result")


async def _require_running(engine: Engine) -> None:
    """Checks that the engine is not shutting down: it then ends the containers of its builds, and such a build has not failed.

    Raises ComputeUnknown.
    """
    another = Engine(engine.url)
    try:
        await another.ping()
    finally:
        await another.close()


def base(context: bytes, arguments: Mapping[str, str]) -> str:
    """Returns the base image of the Dockerfile in the tar `context` with these build arguments; empty if it names none."""
    with tarfile.open(fileobj=io.BytesIO(context)) as archive:
        file = archive.extractfile(DOCKERFILE)
        text = file.read().decode(errors="replace") if file else ""
    named = FROM.search(text)
    values = {**dict(ARGUMENT.findall(text)), **arguments}
    return re.sub(r"\$\{?(\w+)\}?", lambda match: values.get(match[1], match[0]), named[1]) if named else ""


class _BaseImageMissing(Exception):
    """The base image of a build is neither on the engine nor in a registry."""


async def _forward_line(line: dict[str, Any], output: OutputSink) -> None:
    if "error" in line:
        text = str(line["error"]).strip()
        await output(f"{text}\n".encode())
        if any(words in text for words in BASE_IMAGE_ERRORS):
            raise _BaseImageMissing(text)
        raise ComputeFailed(f"{text}. The build's log says more.")
    if line.get("stream"):
        await output(str(line["stream"]).encode())
    elif line.get("status") and not line.get("progressDetail"):  # a base image that is being pulled
        await output(f"{line.get('id', '')} {line['status']}\n".lstrip().encode())
