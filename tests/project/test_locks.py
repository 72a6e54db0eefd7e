"""What is installed is what was tested, wherever it is installed from."""

import re
import tomllib

import pytest

from tests.project.conftest import ROOT

LOCKS = ("requirements.txt", "requirements-dev.txt")


def _versions(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_registry_and_no_place_of_a_machine(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert not re.search(r"://|--index|--extra-index|--find-links|--trusted-host|@ ", text)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_of_a_lock_is_pinned_and_hashed(lock: str) -> None:
    blocks = re.split(r"\n(?=[a-z0-9])", re.sub(r"^\s*#.*\n", "", (ROOT / lock).read_text(), flags=re.MULTILINE).strip())
    for block in blocks:
        assert re.match(r"[a-z0-9-]+==\S+", block)
        assert "--hash=sha256:" in block


def test_the_locks_agree() -> None:
    run, dev = (_versions(lock) for lock in LOCKS)
    assert run.items() <= dev.items()


def test_every_dependency_is_locked_and_the_build_needs_nothing_more() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    requirements = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    names = {re.split(r"[\[=<>]", requirement)[0] for requirement in requirements}
    assert names <= _versions("requirements.txt").keys()
