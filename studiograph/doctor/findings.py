"""What a check found."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """`bad` stops the server from working; `note` is good to know."""

    OK = "ok"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line for people; `advice` says what to do."""

    verdict: Verdict
    subject: str
    what: str
    advice: str = ""

    def __str__(self) -> str:
        line = f"{self.verdict.value:5} {self.subject}: {self.what}"
        return f"{line}\n      {self.advice}" if self.advice else line


def ok(subject: str, what: str) -> Finding:
    return Finding(Verdict.OK, subject, what)


def note(subject: str, what: str, advice: str = "") -> Finding:
    return Finding(Verdict.NOTE, subject, what, advice)


def bad(subject: str, what: str, advice: str) -> Finding:
    return Finding(Verdict.BAD, subject, what, advice)
