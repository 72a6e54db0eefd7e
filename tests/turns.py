"""Browsers and containers take turns: Chromium drops whatever it is loading (ERR_NETWORK_CHANGED) when a network interface of the
machine comes or goes, and every container brings one.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

LOCK = Path(tempfile.gettempdir()) / f"studiograph-test-turns-{os.getuid()}.lock"


@contextmanager
def turn(item: pytest.Item) -> Iterator[None]:
    """Hold what the test needs for itself: a browser the machine's interfaces, containers that no browser runs beside them."""
    how = _lock_of(item)
    if how is None:
        yield
        return
    with LOCK.open("w") as lock:
        fcntl.flock(lock, how)
        yield


def _lock_of(item: pytest.Item) -> int | None:
    if item.get_closest_marker("browser"):
        return fcntl.LOCK_EX
    return fcntl.LOCK_SH if item.get_closest_marker("docker") else None
