"""Prints the steps of the demo with their durations."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class StepPrinter:
    """Prints one line for each step: `  1.234 s  what was done`."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    @contextmanager
    def step(self, what: str) -> Iterator[list[str]]:
        """Times the block and prints its step. Texts appended to the yielded list follow it; a step that raises is printed as failed."""
        started, details = time.monotonic(), list[str]()
        try:
            yield details
        except BaseException:
            self._print_timed(started, f"FAILED: {what}")
            raise
        self._print_timed(started, f"{what}: {', '.join(details)}" if details else what)

    def remark(self, what: str) -> None:
        self._print(f"{'':10}  {what}")

    def total(self, what: str) -> None:
        self._print_timed(self._started, what)

    def _print_timed(self, started: float, what: str) -> None:
        self._print(f"{time.monotonic() - started:8.3f} s  {what}")

    def _print(self, line: str) -> None:
        print(line, flush=True)  # noqa: T201 - the demo prints
