"""One server per data directory: the second is told where the first one is."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from studiograph.operator_errors import OperatorError

LOCK_FILE = "serve.lock"


@contextmanager
def only_server(data_dir: Path) -> Iterator[Callable[[str], None]]:
    """Hold the directory for the time of the block, which tells its address as soon as it knows it.

    The kernel lets go of the lock when the process ends, however it ends.

    Raises Refused while another process holds it."""
    descriptor = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            where = file.read().strip()
            advice = "Stop that server first, or use another STUDIOGRAPH_DATA_DIR."
            raise OperatorError(f"this installation is being served already: {where}. {advice}") from None
        yield partial(_note, file)


def _note(file: IO[str], address: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(f"{address}, process {os.getpid()}\n")
    file.flush()


def holder(data_dir: Path) -> str | None:
    """The address and process id of the server that runs on this directory, if one does."""
    try:
        with (data_dir / LOCK_FILE).open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read().strip()
    except OSError:
        return None
    return None
