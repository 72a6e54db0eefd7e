"""What tests need of the machine, whether it is there, and the summary of what was skipped without it.

A test marked `postgres`, `browser`, `node` or `docker` is skipped with the reason where the machine lacks it;
`STUDIOGRAPH_REQUIRE=postgres,browser` turns those skips into failures (CI sets it).
"""

import os
import shutil
import socket
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import pytest

NEEDS = ("postgres", "browser", "node", "docker")
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def required() -> frozenset[str]:
    """Returns the needs that STUDIOGRAPH_REQUIRE names."""
    return frozenset(word.strip() for word in os.environ.get("STUDIOGRAPH_REQUIRE", "").split(",") if word.strip())


def postgres_programs() -> Path | None:
    """Returns the directory of PostgreSQL's server programs: those on the PATH, else the newest of Debian's; None without any."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parent.parent.name))
    initdb = shutil.which("initdb") or (str(debian[-1]) if debian else None)
    return Path(initdb).resolve().parent if initdb else None


def browser_program() -> str | None:
    """Returns the path of the machine's own Chromium, None without one."""
    return next((path for name in CHROMIUM if (path := shutil.which(name))), None)


def docker_answers() -> bool:
    """Returns whether something listens on the Docker Engine's unix socket."""
    path = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(path)
        except OSError:
            return False
    return True


def lacking(need: str, reason: str) -> NoReturn:
    """Ends the test, because the machine lacks what belongs to `need`: skips it, or fails it where the need is required."""
    if need in required():
        pytest.fail(f"{need} is required, but {reason}", pytrace=False)
    pytest.skip(f"{need}: {reason}")


def missing(need: str) -> str | None:
    """Returns why the machine cannot serve `need`, with what to install; None if it can."""
    match need:
        case "postgres":
            return None if postgres_programs() else "PostgreSQL's server programs are not installed (Debian: apt install postgresql)"
        case "browser":
            return None if browser_program() else "Chromium is not installed (Debian: apt install chromium)"
        case "node":
            return None if shutil.which("node") else "Node.js is not installed (Debian: apt install nodejs)"
        case "docker":
            return None if docker_answers() else "no Docker Engine answers (Debian: apt install docker.io)"
    return None


def skip_summary(reasons: Iterable[str]) -> list[str]:
    """Returns a line for each need or other condition that skipped tests: how many tests, and what is missing.

    `reasons` are pytest's, one for each skipped test, such as "Skipped: node: Node.js is not installed".
    """
    counts = Counter(reason.removeprefix("Skipped: ") for reason in reasons)
    return [f"{count:5} {'test' if count == 1 else 'tests'} skipped: {reason}" for reason, count in sorted(counts.items())]
