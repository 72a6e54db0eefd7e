"""The order in which the processes of a parallel run take files of tests: what takes long first, so that none is left with it at the end.

Files with containers come before those with a browser, since the two never run at the same time (see `tests.turns`): together they
would wait for each other.
"""

from collections import defaultdict
from pathlib import Path

import pytest


def in_order(items: list[pytest.Item]) -> list[pytest.Item]:
    """Returns the tests file by file: with containers, with a browser, then the rest; of each, those with most slow tests first."""
    files: dict[Path, list[pytest.Item]] = defaultdict(list)
    for item in items:
        files[item.path].append(item)
    return [item for file in sorted(files.values(), key=_rank) for item in file]


def _rank(file: list[pytest.Item]) -> tuple[int, float, int]:
    slow = sum(_has(item, "slow") for item in file) / len(file)
    if any(_has(item, "browser") for item in file):
        return 1, -slow, -len(file)
    return 0 if any(_has(item, "docker") for item in file) else 2, -slow, -len(file)


def _has(item: pytest.Item, marker: str) -> bool:
    return item.get_closest_marker(marker) is not None
