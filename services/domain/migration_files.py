"""Finds in the paths that sessions added or changed which software was installed, and which conflicts matter (B74)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PYTHON_PACKAGE = re.compile(
    r"^(?P<root>.*?)/?lib(?:64)?/python(?P<version>3\.[0-9]+)?[^/]*/(?:site|dist)-packages/(?P<name>[^/]+?)-[^/-]+\.(?:dist|egg)-info(?:/|$)"
)
R_PACKAGE = re.compile(r"(?:^|/)(?:site-)?library/(?P<name>[^/]+)/DESCRIPTION$")
EXTENSION = re.compile(r"(?:^|/)extensions/(?P<name>[^/]+?)-[0-9][^/]*/package\.json$")
SYSTEM_PACKAGE = re.compile(r"^var/lib/dpkg/info/(?P<name>[^/:]+)(?::[^/]*)?\.list$")
PROGRAM = re.compile(r"^(?!var/|proc/|sys/)(?:.*/)?(?:bin/[^/]+|lib(?:64)?/(?:[^/]+/)?[^/]+\.so[^/]*)$")
IN_PACKAGES = re.compile(r"^(?P<root>.*/(?:site|dist)-packages)/(?P<part>[^/]+)")
DPKG_STATUS = "var/lib/dpkg/status"
UNIMPORTANT = re.compile(
    r"\.pyc$|(^|/)__pycache__(/|$)|^(tmp|run|proc|sys|dev)(/|$)|^var/(cache|log|tmp|lib/apt)(/|$)|(^|/)\.cache(/|$)|^etc/ld\.so\.cache$"
    r"|^usr/share/(doc|man|info|locale)(/|$)|^var/lib/dpkg/(.*-old|info/|lock|triggers|alternatives)|^etc/(hosts|hostname|resolv\.conf|mtab)$"
)
"""Paths whose conflicts do not matter: caches, logs, documentation, what is compiled or made anew by itself."""
MAX_INSTALLED = 300
"""The number of packages, extensions or programs of each kind that are looked at."""


@dataclass(frozen=True, slots=True)
class PythonPackage:
    """A distribution, and the version of Python in whose directory it is; None for a directory of all versions.

    `root` is the directory of that Python, as `opt/jupyter` for a virtual environment.
    """

    name: str
    version: str | None
    root: str = ""


@dataclass(frozen=True, slots=True)
class InstalledSoftware:
    """What sessions installed, each list sorted and of at most MAX_INSTALLED. `programs` are paths of programs and shared libraries."""

    python: tuple[PythonPackage, ...]
    r: tuple[str, ...]
    extensions: tuple[str, ...]
    system: tuple[str, ...]
    programs: tuple[str, ...]


def installed_software(paths: Iterable[str]) -> InstalledSoftware:
    """Returns what the paths, relative to the root directory, show to be installed."""
    python: set[PythonPackage] = set()
    names: dict[re.Pattern[str], set[str]] = {R_PACKAGE: set(), EXTENSION: set(), SYSTEM_PACKAGE: set()}
    programs: set[str] = set()
    for path in paths:
        if match := PYTHON_PACKAGE.search(path):
            python.add(PythonPackage(match["name"].replace("_", "-"), match["version"], match["root"]))
        for pattern, found in names.items():
            if match := pattern.search(path):
                found.add(match["name"])
        if PROGRAM.match(path):
            programs.add(path)
    by_name = sorted(python, key=lambda package: (package.name, package.version or "", package.root))
    r, extensions, system = (tuple(sorted(found)[:MAX_INSTALLED]) for found in names.values())
    return InstalledSoftware(tuple(by_name[:MAX_INSTALLED]), r, extensions, system, tuple(sorted(programs)[:MAX_INSTALLED]))


def important_conflicts(paths: Sequence[str]) -> list[str]:
    """Returns the conflicts that are shown, without those inside of packages, which belong to the package."""
    return sorted(path for path in paths if not UNIMPORTANT.search(path) and not IN_PACKAGES.match(path))


def packages_in_conflict(paths: Sequence[str]) -> dict[str, int]:
    """Returns the names of what Python imports in whose directories both sides changed files, with the number of files."""
    numbers: dict[str, int] = {}
    for path in paths:
        match = IN_PACKAGES.match(path)
        if match and not UNIMPORTANT.search(path):
            name = match["part"].partition("-")[0].removesuffix(".py")
            numbers[name] = numbers.get(name, 0) + 1
    return numbers
