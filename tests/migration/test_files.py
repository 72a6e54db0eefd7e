"""Which software paths show to be installed, and which conflicts of files are worth a word."""

import pytest

from services.domain.migration_files import (
    PythonPackage,
    important_conflicts,
    installed_software,
    packages_in_conflict,
)

pytestmark = pytest.mark.behaviour("B74")


def test_paths_show_what_was_installed_by_which_tool() -> None:
    reported = installed_software(
        [
            "opt/jupyter/lib/python3.11/site-packages/typing_extensions-4.9.0.dist-info/RECORD",
            "opt/jupyter/lib/python3.10/site-packages/old-1.dist-info/METADATA",
            "usr/lib/python3/dist-packages/system-2.0.egg-info",
            "usr/local/lib/R/site-library/jsonlite/DESCRIPTION",
            "root/.local/share/code-server/extensions/ms-python.python-2024.1.0-universal/package.json",
            "var/lib/dpkg/info/libtree1:amd64.list",
            "usr/bin/tree",
            "usr/lib/x86_64-linux-gnu/libtree.so.1",
            "workspace/notes/bin.txt",
        ]
    )
    assert reported.python == (
        PythonPackage("old", "3.10", "opt/jupyter"),
        PythonPackage("system", None, "usr"),
        PythonPackage("typing-extensions", "3.11", "opt/jupyter"),
    )
    assert (reported.r, reported.extensions, reported.system) == (("jsonlite",), ("ms-python.python",), ("libtree1",))
    assert reported.programs == ("usr/bin/tree", "usr/lib/x86_64-linux-gnu/libtree.so.1")


def test_caches_logs_and_files_of_packages_are_no_conflicts_of_their_own() -> None:
    packages = "opt/jupyter/lib/python3.11/site-packages"
    conflicts = [
        "etc/passwd",
        "var/cache/apt/pkgcache.bin",
        "var/log/dpkg.log",
        f"{packages}/numpy/core.py",
        f"{packages}/numpy/__pycache__/core.pyc",
        f"{packages}/six.py",
        f"{packages}/numpy-1.0.dist-info/RECORD",
    ]
    assert important_conflicts(conflicts) == ["etc/passwd"]
    assert packages_in_conflict(conflicts) == {"numpy": 2, "six": 1}
