"""Looks in a session for packages that cannot be loaded, and for programs without their interpreter or libraries.

The session's own Python runs this file, so that it uses the standard library alone, of Python 3.8 or later. It writes no file, which would
be in the next checkpoint. Its arguments are the mark that its lines begin with, and {"python": [names], "programs": [paths]} in JSON.
Fields of a line are separated by tabs: mark, kind, subject, detail, owner. The owner is the package that a program belongs to, as
`python:<name>` or `system:<name>`.
"""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

IMPORT_SECONDS, TOOL_SECONDS = 40, 30
MAX_MODULES = 4
"""Modules of one package that are imported."""
MAX_REQUIREMENTS = 100
IMPORT = "import importlib, sys; importlib.import_module(sys.argv[1])"
REQUIREMENT = re.compile(r"(?P<by>\S+) \S+ (?:has requirement|requires) .*?, (?:but you have (?P<wrong>\S+) |which is not installed)")


def report(mark: str, kind: str, subject: str, detail: str = "", owner: str = "") -> None:
    fields = (" ".join(str(field).split()) for field in (mark, kind, subject, detail, owner))
    print("\t".join(fields), flush=True)  # noqa: T201 - its output is its result


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def distributions() -> dict[str, list[Any]]:
    """Returns what is installed, by normalized name."""
    found: dict[str, list[Any]] = {}
    for each in importlib.metadata.distributions():
        name = each.metadata["Name"]
        if name:
            found.setdefault(normalized(name), []).append(each)
    return found


def modules_of(distribution: Any) -> Iterator[str]:
    """Returns the names by which the package is imported."""
    parts = [Path(str(file)).parts for file in distribution.files or []]
    packages = {part[0] for part in parts if len(part) == 2 and part[1] == "__init__.py"}
    modules = {part[0].partition(".")[0] for part in parts if len(part) == 1 and part[0].endswith((".py", ".so"))}
    names = sorted(name for name in packages | modules if name.isidentifier() and not name.startswith("_"))
    yield from names[:MAX_MODULES]


def import_error(module: str) -> "str | None":
    """Returns the last line of what Python says when it imports the module in a process of its own; None if that works."""
    argv = [sys.executable, "-E", "-B", "-c", IMPORT, module]
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and the session's own
            argv, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, timeout=IMPORT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode == 0:
        return None
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"Python ended with {done.returncode}."


def check_packages(mark: str, names: "list[str]") -> None:
    installed = distributions()
    for name in names:
        found = installed.get(normalized(name), [])
        versions = sorted({each.version for each in found})
        places = [str(each.locate_file("")) for each in found]
        if len(versions) > 1 and len(set(places)) < len(places):
            report(mark, "python-twice", name, " and ".join(versions))
        elif found:
            errors = (error for module in modules_of(found[0]) if (error := import_error(module)))
            if error := next(errors, None):
                report(mark, "python-import", name, error)


def check_requirements(mark: str) -> None:
    for line in output_of(sys.executable, "-E", "-B", "-m", "pip", "check", "--disable-pip-version-check")[:MAX_REQUIREMENTS]:
        if match := REQUIREMENT.match(line):
            report(mark, "python-requirement", match["wrong"] or match["by"], line, match["by"])


def output_of(*argv: str) -> "list[str]":
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and the session's own
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=TOOL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.decode(errors="replace").splitlines()


def owner_of(path: str, scripts: "dict[str, str]") -> str:
    """Returns the package that the program belongs to; an empty text if none is known."""
    if path in scripts:
        return f"python:{scripts[path]}"
    for line in output_of("dpkg", "-S", path) if shutil.which("dpkg") else []:
        return f"system:{line.partition(':')[0]}"
    return ""


def scripts_of(names: "list[str]") -> "dict[str, str]":
    """Returns the programs that Python packages installed, with the names of these."""
    scripts, installed = {}, distributions()
    for name in names:
        for each in installed.get(normalized(name), []):
            for file in each.files or []:
                if Path(str(file)).parent.name == "bin":
                    scripts[os.path.normpath(str(each.locate_file(file)))] = name
    return scripts


def check_program(mark: str, path: str, scripts: "dict[str, str]") -> None:
    with Path(path).open("rb") as file:
        head = file.readline(256)
    if head.startswith(b"#!"):
        words = head[2:].decode(errors="replace").split()
        interpreter = words[1] if len(words) > 1 and words[0].endswith("/env") else (words or [""])[0]
        if interpreter and not interpreter.startswith("-") and shutil.which(interpreter) is None:
            report(mark, "interpreter", path, interpreter, owner_of(path, scripts))
    elif head.startswith(b"\x7fELF"):
        missing = [line.split()[0] for line in output_of("ldd", path) if line.rstrip().endswith("not found")]
        if missing:
            report(mark, "library", path, ", ".join(missing[:5]), owner_of(path, scripts))


def main() -> None:
    mark, wanted = sys.argv[1], json.loads(sys.argv[2])
    with suppress(OSError):
        os.nice(10)
        Path("/proc/self/oom_score_adj").write_text("1000")  # where memory is short, this ends and not the tool
    report(mark, "python-version", f"{sys.version_info[0]}.{sys.version_info[1]}", sys.prefix)
    scripts = scripts_of(wanted["python"])
    for path in wanted["programs"]:
        with suppress(OSError):
            check_program(mark, path, scripts)
    if wanted["python"]:
        check_packages(mark, wanted["python"])
        check_requirements(mark)


if __name__ == "__main__":
    main()
