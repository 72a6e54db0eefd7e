"""The result of one check of `studiograph doctor`."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How serious a result is: `bad` stops the server from working, `note` is information."""

    OK = "ok"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of the report; `advice` says what to do."""

    severity: Severity
    subject: str
    message: str
    advice: str = ""

    def __str__(self) -> str:
        line = f"{self.severity.value:5} {self.subject}: {self.message}"
        return f"{line}\n      {self.advice}" if self.advice else line


def ok(subject: str, message: str) -> CheckResult:
    return CheckResult(Severity.OK, subject, message)


def note(subject: str, message: str, advice: str = "") -> CheckResult:
    return CheckResult(Severity.NOTE, subject, message, advice)


def bad(subject: str, message: str, advice: str) -> CheckResult:
    return CheckResult(Severity.BAD, subject, message, advice)
