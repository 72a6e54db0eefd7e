"""What the machine lacks is skipped with its reason, or fails where it is required."""

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
    with pytest.raises(pytest.UsageError, match="knows postgres, browser, node, docker; not postgresql"):
        conftest.pytest_configure()
