"""Which tests show which behaviour: `make behaviours` prints every row of docs/behaviours.md with its tests, and the gaps.

`--markdown` prints the same as a table for a page.
"""

import contextlib
import io
import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest

LIST = Path(__file__).parent.parent / "docs" / "behaviours.md"
ROW = re.compile(r"^\| (B\d+) \| (.+) \|$", re.MULTILINE)


class Collector:
    """A pytest plugin that notes the `behaviour` markers of what was collected."""

    def __init__(self) -> None:
        self.tests: dict[str, set[str]] = defaultdict(set)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            for marker in item.iter_markers("behaviour"):
                for behaviour in marker.args:
                    self.tests[behaviour].add(item.nodeid.split("[")[0])


def rows() -> dict[str, str]:
    """The behaviours by id, in the list's order."""
    return dict(ROW.findall(LIST.read_text()))


def collect() -> dict[str, set[str]]:
    """The tests of each behaviour id, as pytest finds them. Exits with pytest's own words where collecting fails."""
    collector, output = Collector(), io.StringIO()
    with contextlib.redirect_stdout(output):
        failed = pytest.main(["--collect-only", "-q"], plugins=[collector])
    if failed:
        sys.exit(output.getvalue())
    return collector.tests


def report(tests: dict[str, set[str]], *, markdown: bool) -> list[str]:
    """The lines to print: each behaviour with its tests, then the gaps and the ids that the list does not know."""
    known = rows()
    lines = ["| id | tests |", "|---|---|"] if markdown else []
    for behaviour, words in known.items():
        names = sorted(tests.get(behaviour, ()))
        lines += (
            [f"| {behaviour} | {'<br>'.join(names)} |"]
            if markdown
            else [f"{behaviour:4} {words[:100]}", *(f"       {test}" for test in names)]
        )
    gaps = [behaviour for behaviour in known if behaviour not in tests]
    lines += ["", f"{len(known) - len(gaps)} of {len(known)} behaviours have a test. Without: {' '.join(gaps) or 'none'}"]
    strangers = sorted(set(tests) - set(known))
    return [*lines, f"Not in the list: {' '.join(strangers)}"] if strangers else lines


if __name__ == "__main__":
    sys.stdout.write("\n".join(report(collect(), markdown="--markdown" in sys.argv)) + "\n")
