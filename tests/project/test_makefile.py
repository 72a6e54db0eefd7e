"""The Makefile tells what there is, and what a machine lacks."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.project.conftest import ROOT

TARGETS = ["help", "run", "test", "quick", "lint", "fmt", "schema", "behaviours", "demo", "bench", "image", "images", "images-test"]


def _make(*arguments: str, cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["make", *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """As after a clone: no virtual environment."""
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def _python(directory: Path, script: str) -> str:
    """A stand-in for a Python that lacks something."""
    path = directory / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return f"PYTHON={path}"


def test_help_shows_every_target_with_what_it_does() -> None:
    shown = _make("help").stdout
    for target in TARGETS:
        assert re.search(rf"make {target} +\w", shown)


def test_every_command_of_the_readme_exists() -> None:
    documents = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    asked = {
        word for path in documents for word in re.findall(r"make ([a-z-]+)`|\$ make ([a-z-]+)", path.read_text()) for word in word if word
    }
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"run", "test"} <= asked <= known


def test_a_machine_without_python_is_told_what_to_install(clone: Path) -> None:
    answer = _make("run", f"PYTHON={clone}/nothing", cwd=clone)
    assert answer.returncode
    assert "apt install python3 python3-venv make" in answer.stdout


def test_a_python_that_is_too_old_is_named(clone: Path) -> None:
    answer = _make("test", _python(clone, '[ "$1" = --version ] && echo "Python 3.9.2"; exit 1'), cwd=clone)
    assert answer.returncode
    assert "needs Python 3.11 or newer" in answer.stdout
    assert "Python 3.9.2" in answer.stdout


def test_a_python_without_venv_is_told_the_package(clone: Path) -> None:
    answer = _make("run", _python(clone, 'case "$2" in *ensurepip*) exit 1;; esac; exit 0'), cwd=clone)
    assert answer.returncode
    assert "apt install python3-venv" in answer.stdout
