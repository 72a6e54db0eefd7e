"""The program that looks at a session, run by a Python of its own, and how its output is read."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.controller.migration.probes import MAX_FIELD_LENGTH, MAX_FINDINGS, findings, is_complete, probes
from services.domain.migration_checks import ProbeFinding
from services.domain.migration_files import InstalledSoftware, PythonPackage

pytestmark = pytest.mark.behaviour("B74")
MARK = "studiograph-1"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with packages of which one cannot be loaded and one is installed twice."""
    directory = tmp_path_factory.mktemp("session")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(directory)], check=True)
    [packages] = directory.glob("lib/python3*/site-packages")
    install(packages, "good", "1.0", "")
    install(packages, "bad", "1.0", "raise ImportError('libgone.so.1: cannot open shared object file')")
    install(packages, "twice", "1.0", "")
    install(packages, "twice", "2.0", "")
    (directory / "bin" / "orphan").write_text("#!/usr/bin/python2.6\n")
    (directory / "bin" / "bad-tool").write_text("#!/nowhere/python\n")
    return directory


def install(packages: Path, name: str, version: str, source: str) -> None:
    (packages / f"{name}.py").write_text(source)
    info = packages / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "RECORD").write_text(f"{name}.py,,\n{name}-{version}.dist-info/METADATA,,\n../../../bin/{name}-tool,,\n")


def run(environment: Path, software: InstalledSoftware) -> list[ProbeFinding]:
    variables = {"PATH": os.pathsep.join([str(environment / "bin"), "/usr/bin:/bin"])}
    reported: list[ProbeFinding] = []
    for probe in probes(software, MARK):
        done = subprocess.run(probe.program.argv, env=variables, capture_output=True, timeout=60, check=False)
        assert is_complete(done.stdout, MARK)
        reported += findings(done.stdout, MARK)
    return reported


def software(*python: str, programs: tuple[str, ...] = ()) -> InstalledSoftware:
    return InstalledSoftware(tuple(PythonPackage(name, None) for name in python), (), (), (), programs)


def test_packages_that_cannot_be_loaded_and_those_installed_twice_are_found(environment: Path) -> None:
    version, *reported = run(environment, software("good", "bad", "twice", "absent"))
    assert (version.kind, version.subject) == ("python-version", f"3.{sys.version_info[1]}")
    assert reported == [
        ProbeFinding("python-import", "bad", "ImportError: libgone.so.1: cannot open shared object file", ""),
        ProbeFinding("python-twice", "twice", "1.0 and 2.0", ""),
    ]


def test_programs_without_their_interpreter_are_found_with_the_package_they_belong_to(environment: Path) -> None:
    paths = tuple(str(environment / "bin" / name).lstrip("/") for name in ("orphan", "bad-tool", "absent"))
    _, *reported = run(environment, software("bad", programs=paths))
    assert [(finding.kind, finding.detail, finding.owner) for finding in reported[:2]] == [
        ("interpreter", "/usr/bin/python2.6", ""),
        ("interpreter", "/nowhere/python", "python:bad"),
    ]


def test_a_session_without_the_programs_reports_nothing(tmp_path: Path) -> None:
    (tmp_path / "sh").symlink_to("/bin/sh")
    everything = InstalledSoftware((PythonPackage("good", None),), ("jsonlite",), ("ms-python.python",), (), ())
    for probe in probes(everything, MARK):
        done = subprocess.run(probe.program.argv, env={"PATH": str(tmp_path)}, capture_output=True, timeout=60, check=False)
        assert (findings(done.stdout, MARK), is_complete(done.stdout, MARK)) == ([], True)


def test_a_program_that_fails_or_is_ended_says_no_end(environment: Path) -> None:
    (environment / "bin" / "Rscript").write_text("#!/bin/sh\nexit 3\n")
    (environment / "bin" / "Rscript").chmod(0o755)
    [probe] = probes(InstalledSoftware((), ("jsonlite",), (), (), ()), MARK)
    done = subprocess.run(probe.program.argv, env={"PATH": str(environment / "bin")}, capture_output=True, timeout=60, check=False)
    assert not is_complete(done.stdout, MARK)


def test_output_that_a_session_made_up_is_cut_and_made_printable() -> None:
    lines = [
        "other\tpython-import\tnumpy\tno",
        f"{MARK}\tpython-import",
        f"{MARK}\tpython-import\tnum\x1b[31mpy\t{'x' * 10_000}\towner\tmore",
        *[f"{MARK}\tlibrary\t{number}" for number in range(10_000)],
    ]
    reported = findings("\n".join(lines).encode() + b"\xff\xfe\x00", MARK)
    assert reported[0] == ProbeFinding("python-import", "num[31mpy", "x" * MAX_FIELD_LENGTH, "owner")
    assert len(reported) == MAX_FINDINGS
