"""Finds files of a session that a commit cannot keep, since the archive format of image layers reads their names as deletions.

A file `.wh.notes.txt` in a layer means that `notes.txt` is deleted, and `.wh..wh..opq` that its directory was emptied. An engine commits
such files as they are: other files would be missing from the checkpoint.
"""

import json
from collections.abc import AsyncIterator, Iterable

from services.compute.docker.engine import Absent, Conflict, Engine
from services.compute.protocol import ComputeFailed, ComputeUnknown

RESERVED = b"/.wh."
BETWEEN_CHANGES = b'},{"'
"""What separates two changes of an engine's answer. It is never inside a path, where a quotation mark has a backslash before it."""
DELETED = 2
"""How an engine numbers a deletion among a container's changes."""
MAX_NAMED = 5


async def require_none(engine: Engine, container_id: str, limit: float) -> None:
    """Raises ComputeFailed, with the files' names, if the session has files that a commit cannot keep."""
    try:
        if reserved := _outermost([path async for path in _reserved(engine, f"containers/{container_id}/changes", limit)]):
            raise ComputeFailed(_message(reserved))
    except (Absent, Conflict) as error:
        raise ComputeUnknown(f"the session's container went away during the save: {error}") from error


async def _reserved(engine: Engine, path: str, limit: float) -> AsyncIterator[str]:
    """Yields the paths with a reserved name in them. Only these are parsed: a session may have changed a million files."""
    rest = b""
    async with engine.stream("GET", path, {}, limit) as response:
        async with engine.reading(path, limit):
            async for data in response.content.iter_any():
                *changes, rest = (rest + data).split(BETWEEN_CHANGES)
                for change in _parsed(changes):
                    yield change
        for change in _parsed([rest]):
            yield change


def _parsed(changes: Iterable[bytes]) -> Iterable[str]:
    for text in changes:
        if RESERVED in text:
            change = json.loads(b'{"' + text.lstrip(b'[{"').rstrip(b"}]\n") + b"}")
            if change["Kind"] != DELETED:
                yield change["Path"]


def _outermost(paths: Iterable[str]) -> list[str]:
    """Returns the paths whose last part is reserved, without those below another one."""
    marker = RESERVED.decode()
    return sorted(path for path in paths if path.rfind("/") == path.find(marker))


def _message(reserved: list[str]) -> str:
    named = ", ".join(json.dumps(path, ensure_ascii=False) for path in reserved[:MAX_NAMED])
    more = f" and {len(reserved) - MAX_NAMED} more" if len(reserved) > MAX_NAMED else ""
    return (
        f'Names that begin with ".wh." cannot be saved, since they delete other files in an image: {named}{more}. '
        "Rename or remove them; docs/images.md says how that is done after the session has ended."
    )
