"""Says what is done, and how long it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Teller:
    """One line a step: `  1.234 s  what was done`."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @contextmanager
    def step(self, what: str) -> Iterator[list[str]]:
        """What is appended to the list is told behind the step; a step that fails is told as failed."""
        began, more = time.monotonic(), list[str]()
        try:
            yield more
        except BaseException:
            self._say(began, f"FAILED: {what}")
            raise
        self._say(began, f"{what}: {', '.join(more)}" if more else what)

    def remark(self, what: str) -> None:
        self._print(f"{'':10}  {what}")

    def total(self, what: str) -> None:
        self._say(self._began, what)

    def _say(self, began: float, what: str) -> None:
        self._print(f"{time.monotonic() - began:8.3f} s  {what}")

    def _print(self, line: str) -> None:
        print(line, flush=True)  # noqa: T201 - the demo prints
