"""Marks a data directory with an id file, by which it is told from another directory at the same path, as where a volume is not mounted.

The directories of sessions and of checkpoints have copies, since each may be a mounted volume of its own.
"""

import os
from pathlib import Path
from secrets import token_hex

from services.compute.process.data_directory import DataDirectory
from services.compute.protocol import ComputeUnknown, UnidentifiedEngine

FILE = "engine-id"
COPY = f".{FILE}"


def read(data_directory: DataDirectory) -> str | None:
    """Returns the id; None if the directory has none. Raises UnidentifiedEngine where a part of it has another, ComputeUnknown."""
    engine_id = _read(data_directory.root / FILE)
    if engine_id is None:
        return None
    for copy in _copies(data_directory):
        if _read(copy) != engine_id:
            raise UnidentifiedEngine(f"{copy.parent} does not belong to the data directory {data_directory.root}: is its volume mounted?")
    return engine_id


def write(data_directory: DataDirectory, engine_id: str) -> str:
    """Marks all parts with the directory's id, which is `engine_id` if it has none. Raises ComputeUnknown."""
    marker = data_directory.root / FILE
    try:
        if _read(marker) is None:
            _create(marker, engine_id)
        marked = _read(marker) or engine_id
        for copy in _copies(data_directory):
            if _read(copy) != marked:
                copy.unlink(missing_ok=True)
                _create(copy, marked)
    except OSError as error:
        raise ComputeUnknown(f"{data_directory.root} cannot be marked with an id: {error.strerror}") from error
    return marked


def _copies(data_directory: DataDirectory) -> list[Path]:
    return [data_directory.sessions / COPY, data_directory.checkpoints / COPY]


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip() or None
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ComputeUnknown(f"{path} cannot be read: {error}") from error


def _create(path: Path, engine_id: str) -> None:
    """Creates the file whole, and leaves one that another process has created meanwhile."""
    part = path.with_name(f".{path.name}-{token_hex(4)}")
    with part.open("x") as file:
        file.write(f"{engine_id}\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(part, path)
    except FileExistsError:
        pass
    finally:
        part.unlink()
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
