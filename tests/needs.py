"""What tests may need of the machine, and whether it is there.

A test marked `postgres`, `browser`, `node` or `docker` is skipped with the reason where the machine lacks it;
`STUDIOGRAPH_REQUIRE=postgres,browser` turns those skips into failures (CI sets it).
"""

import os
import shutil
import socket
from pathlib import Path
from typing import NoReturn

import pytest

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def required() -> frozenset[str]:
    """The words of STUDIOGRAPH_REQUIRE."""
    return frozenset(word.strip() for word in os.environ.get("STUDIOGRAPH_REQUIRE", "").split(",") if word.strip())


def postgres_programs() -> Path | None:
    """The directory of PostgreSQL's server programs: those on the PATH, else the newest of Debian's."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parent.parent.name))
    initdb = shutil.which("initdb") or (str(debian[-1]) if debian else None)
    return Path(initdb).resolve().parent if initdb else None


def browser_program() -> str | None:
    """The machine's own Chromium."""
    return next((found for name in CHROMIUM if (found := shutil.which(name))), None)


def docker_answers() -> bool:
    """Whether something listens on the Docker Engine's unix socket."""
    path = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(path)
        except OSError:
            return False
    return True


def lacking(need: str, reason: str) -> NoReturn:
    """End the test: the machine lacks what belongs to this need, which is skipped, or fails where it is required."""
    if need in required():
        pytest.fail(f"{need} is required, but {reason}", pytrace=False)
    pytest.skip(f"{need}: {reason}")


def missing(need: str) -> str | None:
    """Why the machine cannot serve `need`; None if it can."""
    match need:
        case "postgres":
            return None if postgres_programs() else "PostgreSQL's server programs are not installed (Debian: apt install postgresql)"
        case "browser":
            return None if browser_program() else "Chromium is not installed (Debian: apt install chromium)"
        case "node":
            return None if shutil.which("node") else "Node.js is not installed (Debian: apt install nodejs)"
        case "docker":
            return None if docker_answers() else "no Docker Engine answers"
    return None


NEEDS = ("postgres", "browser", "node", "docker")
