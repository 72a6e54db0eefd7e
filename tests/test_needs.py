"""A test whose need the machine lacks is skipped with the reason, or fails where it is required; a run says at its end what was skipped."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from tests import conftest, needs


class Marked:
    """A test with these markers."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def get_closest_marker(self, name: str) -> object | None:
        return name if name in self._names else None


def _set_up(*markers: str) -> None:
    conftest.pytest_runtest_setup(cast("Any", Marked(*markers)))


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chromium is missing, everything else is there."""
    monkeypatch.setattr(needs, "missing", lambda need: "Chromium is not installed" if need == "browser" else None)
    monkeypatch.delenv("STUDIOGRAPH_REQUIRE", raising=False)


def test_a_test_whose_need_is_missing_is_skipped_by_name_with_the_reason() -> None:
    with pytest.raises(pytest.skip.Exception, match="browser: Chromium is not installed"):
        _set_up("browser")


def test_a_test_whose_missing_need_is_required_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIOGRAPH_REQUIRE", "postgres, browser")
    with pytest.raises(pytest.fail.Exception, match="browser is required, but Chromium is not installed"):
        _set_up("browser")


def test_a_test_whose_needs_are_met_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIOGRAPH_REQUIRE", "postgres")
    _set_up("postgres", "node", "docker", "slow")


def test_a_need_that_nobody_knows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIOGRAPH_REQUIRE", "postgresql")
    with pytest.raises(pytest.UsageError, match=r"knows postgres, browser, .*; not postgresql"):
        conftest.pytest_configure()


def test_ci_requires_whatever_a_machine_can_be_given() -> None:
    script = (Path(__file__).parent.parent / ".ci/run").read_text()
    words = re.search(r"^STUDIOGRAPH_REQUIRE=(\S+)", script, re.MULTILINE)
    assert words is not None
    assert {*words[1].split(","), "shared_list"} == set(needs.NEEDS)


def test_a_summary_counts_the_skipped_tests_of_each_reason() -> None:
    browser, docker = "Skipped: browser: Chromium is not installed", "Skipped: docker: no Docker Engine answers"
    assert needs.skip_summary([docker, browser, docker]) == [
        "    1 test skipped: browser: Chromium is not installed",
        "    2 tests skipped: docker: no Docker Engine answers",
    ]
    assert needs.skip_summary([]) == []


def test_a_run_says_at_its_end_what_was_skipped_and_what_to_install(tmp_path: Path) -> None:
    env_vars = os.environ | {"DOCKER_HOST": f"unix://{tmp_path}/no-engine.sock", "STUDIOGRAPH_REQUIRE": ""}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "tests/docker/test_isolation.py"]
    root = Path(__file__).parent.parent
    run = subprocess.run(command, cwd=root, env=env_vars, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stdout
    summary = run.stdout.partition("What this machine skipped, and why")[2]
    assert "skipped: docker: no Docker Engine answers (Debian: apt install docker.io)" in summary
