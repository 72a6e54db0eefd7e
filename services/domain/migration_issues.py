"""What is wrong in the session of a migrated Studio, with the commands that mend it (B74)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from services.domain.statuses import MigrationIssueKind

MAX_ISSUES = 100
"""The number of issues of one attempt that are kept."""
MAX_SUBJECT_LENGTH = 300
"""Characters in the name of the package, file or extension that an issue is about."""
MAX_MESSAGE_LENGTH = 1000
"""Characters in the message of an issue, which may repeat what a program of the session printed."""


@dataclass(frozen=True, slots=True)
class MigrationIssue:
    """One thing that is wrong. `subject` is the package, file, library, extension or tool; `commands` are to be run in the original."""

    kind: MigrationIssueKind
    subject: str
    message: str
    commands: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Returns the issue as it is stored."""
        return {"kind": self.kind.value, "subject": self.subject, "message": self.message, "commands": list(self.commands)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(MigrationIssueKind(stored["kind"]), stored["subject"], stored["message"], tuple(stored["commands"]))


def bounded(issues: Sequence[MigrationIssue]) -> list[MigrationIssue]:
    """Returns the issues that are kept, with printable texts of bounded length. Names of files may hold anything, also no characters."""
    return [
        MigrationIssue(
            issue.kind, _printable(issue.subject)[:MAX_SUBJECT_LENGTH], _printable(issue.message)[:MAX_MESSAGE_LENGTH], issue.commands
        )
        for issue in issues[:MAX_ISSUES]
    ]


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() or character == "\n" else "\N{REPLACEMENT CHARACTER}" for character in text)
