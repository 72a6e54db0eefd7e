"""The browser of these tests, and the figures that they end with: how long a recipe takes to build and to start, and its size."""

import pytest

from tests.browser.conftest import browser, context

__all__ = ["browser", "context"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/images/" in item.path.as_posix():
            for name in ("images", "browser", "docker", "slow"):
                item.add_marker(getattr(pytest.mark, name))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the figures of each recipe that was tested."""
    figures = [value for report in terminalreporter.getreports("passed") for name, value in report.user_properties if name == "recipe"]
    if figures:
        terminalreporter.section("The provided images")
        for line in figures:
            terminalreporter.line(str(line))
