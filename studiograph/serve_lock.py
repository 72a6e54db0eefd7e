"""Locks a data directory against a second server; the lock file names the running server's address."""

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
def hold_serve_lock(data_dir: Path) -> Iterator[Callable[[str], None]]:
    """Holds the lock of the directory during the block, which calls the yielded function with its address once it is known.

    The kernel releases the lock when the process ends, however it ends.

    Raises OperatorError while another process holds it."""
    descriptor = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            server = file.read().strip()
            advice = "Stop that server first, or use another STUDIOGRAPH_DATA_DIR."
            raise OperatorError(f"this installation is being served already: {server}. {advice}") from None
        yield partial(_write_address, file)


def _write_address(file: IO[str], address: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(f"{address}, process {os.getpid()}\n")
    file.flush()


def running_server(data_dir: Path) -> str | None:
    """Returns the address and process id of the server that runs on this directory; None without one."""
    try:
        with (data_dir / LOCK_FILE).open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read().strip()
    except OSError:
        return None
    return None
