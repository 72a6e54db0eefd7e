"""What tests need of the machine, whether it is there, and the summary of what was skipped without it.

A test marked with one of `NEEDS` is skipped with the reason where the machine lacks it; `STUDIOGRAPH_REQUIRE=postgres,browser` turns
those skips into failures (CI sets it). No test has a condition of its own, which CI could skip without a word.
"""

import os
import shutil
import socket
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import pytest

NEEDS = ("postgres", "browser", "node", "docker", "dockerd", "ip", "sqlite3", "nginx", "shared_list")
SHARED_LIST = Path(__file__).parents[2] / "shared" / "BEHAVIOURS.md"
"""The list of behaviours that the project is given, where it lies beside the checkout."""
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
        case "dockerd":
            return None if _runs_as_root("dockerd") else "a second Docker Engine needs root and dockerd (Debian: apt install docker.io)"
        case "ip":
            return None if _runs_as_root("ip") else "making a network interface needs root and ip (Debian: apt install iproute2)"
        case "sqlite3":
            return None if shutil.which("sqlite3") else "sqlite3 is not installed (Debian: apt install sqlite3)"
        case "nginx":
            return None if shutil.which("nginx") else "nginx is not installed (Debian: apt install nginx-light)"
        case "shared_list":
            return None if SHARED_LIST.exists() else "the shared list of behaviours is not beside this checkout"
    return None


def _runs_as_root(program: str) -> bool:
    """Returns whether this process can run `program` as root."""
    return os.geteuid() == 0 and shutil.which(program) is not None


def skip_summary(reasons: Iterable[str]) -> list[str]:
    """Returns a line for each need or other condition that skipped tests: how many tests, and what is missing.

    `reasons` are pytest's, one for each skipped test, such as "Skipped: node: Node.js is not installed".
    """
    counts = Counter(reason.removeprefix("Skipped: ") for reason in reasons)
    return [f"{count:5} {'test' if count == 1 else 'tests'} skipped: {reason}" for reason, count in sorted(counts.items())]
