"""How many statements an operation runs: tests assert that it does not grow with the data (docs/architecture.md#speed)."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Counted:
    """The texts of what was run, in order, and how many transactions began. BEGIN, COMMIT, the clock and NOTIFY are no statements."""

    statements: list[str] = field(default_factory=list)
    begins: int = 0

    def __len__(self) -> int:
        return len(self.statements)


class Counters:
    """Whoever counts at the moment; nobody, outside tests."""

    def __init__(self) -> None:
        self.running: list[Counted] = []

    def statement(self, text: str) -> None:
        for counted in self.running:
            counted.statements.append(text)

    def begin(self) -> None:
        for counted in self.running:
            counted.begins += 1
