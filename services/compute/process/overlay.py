"""Creates a session's own virtual environment over the installed tool's, so that packages it installs are among its files.

`files/env` is a virtual environment whose packages come before the tool's. It has no packages of its own at first, so it costs nothing, and
pip, run by its Python, installs into it and never touches the tool's. Python finds it by the path of its executable, so it can be
restored under another directory; full paths that pip wrote (first lines of scripts, editable installs) are corrected at each start.
"""

import os
import sysconfig
from collections.abc import Callable
from pathlib import Path

from services.compute.process import untrusted_tree

VENV_DIRECTORY = "env"
PACKAGES = ("lib", f"python{sysconfig.get_python_version()}", "site-packages")
MAX_SCRIPT_BYTES = 1 << 20
PTH = "_studiograph.pth"
PIP = b'#!/bin/sh\nexec "$(dirname "$0")/python" -m pip "$@"\n'
ORIGIN = b"studiograph-origin = "


def tool_packages(tool: Path) -> Path:
    return tool.joinpath(*PACKAGES)


def prepare(files: Path, tool: Path) -> None:
    """Creates or corrects the virtual environment of a session whose files are in `files` now. Raises OSError."""
    with untrusted_tree.directory(files, VENV_DIRECTORY) as environment:
        former = _origin(environment)
    with untrusted_tree.directory(files, VENV_DIRECTORY, "bin") as scripts:
        _link_python(scripts, tool)
        if untrusted_tree.read_file(scripts, "pip", MAX_SCRIPT_BYTES) is None:
            untrusted_tree.put_file(scripts, "pip", PIP, 0o755)
        _relocate(scripts, former, files, lambda name: True)
    with untrusted_tree.directory(files, VENV_DIRECTORY, *PACKAGES) as packages:
        _relocate(packages, former, files, lambda name: name.endswith(".pth") or name.startswith("__editable__"))
        untrusted_tree.put_file(packages, PTH, f"import site; site.addsitedir({str(tool_packages(tool))!r})\n".encode(), 0o644)
    with untrusted_tree.directory(files, VENV_DIRECTORY) as environment:
        untrusted_tree.put_file(environment, "pyvenv.cfg", _configuration(tool) + ORIGIN + os.fsencode(files) + b"\n", 0o644)


def _link_python(scripts: int, tool: Path) -> None:
    untrusted_tree.put_link(scripts, "python", str((tool / "bin" / "python").resolve()))
    for name in ("python3", PACKAGES[1]):
        untrusted_tree.put_link(scripts, name, "python")


def _configuration(tool: Path) -> bytes:
    """Returns the lines of pyvenv.cfg by which Python finds its standard library."""
    lines = (tool / "pyvenv.cfg").read_text().splitlines()
    kept_lines = [line for line in lines if line.partition("=")[0].strip() in ("home", "version")]
    return "\n".join([*kept_lines, "include-system-site-packages = false", ""]).encode()


def _origin(environment: int) -> bytes | None:
    """Returns the directory in which these files were last run."""
    file = untrusted_tree.read_file(environment, "pyvenv.cfg", MAX_SCRIPT_BYTES)
    lines = file[0].splitlines() if file else []
    return next((line.removeprefix(ORIGIN) for line in lines if line.startswith(ORIGIN)), None)


def _relocate(parent: int, former: bytes | None, files: Path, concerned: Callable[[str], bool]) -> None:
    """Replaces the former directory by the present one in small files."""
    present = os.fsencode(files)
    if not former or former == present:
        return
    for name in filter(concerned, os.listdir(parent)):
        file = untrusted_tree.read_file(parent, name, MAX_SCRIPT_BYTES)
        if file and former + b"/" in file[0]:
            untrusted_tree.put_file(parent, name, file[0].replace(former + b"/", present + b"/"), file[1])
