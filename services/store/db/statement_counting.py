"""Counts the statements that an operation runs: tests assert that their number does not grow with the data (docs/architecture.md#speed)."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class StatementCount:
    """The statements that were run, in order, and the number of transactions. BEGIN, COMMIT, the clock and NOTIFY are left out."""

    statements: list[str] = field(default_factory=list)
    begins: int = 0

    def __len__(self) -> int:
        return len(self.statements)


class StatementCounters:
    """The counts in progress; there are none outside of tests."""

    def __init__(self) -> None:
        self.running: list[StatementCount] = []

    def statement(self, text: str) -> None:
        for count in self.running:
            count.statements.append(text)

    def begin(self) -> None:
        for count in self.running:
            count.begins += 1
