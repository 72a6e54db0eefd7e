"""Versions of templates: that of the tool, in the vendor's form, and that of the connect component, as major.minor.patch (B71)."""

import re
from dataclasses import dataclass
from typing import Self

_NUMBER = r"(0|[1-9][0-9]{0,5})"
CONNECT_VERSION_FORM = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}")
TOOL_VERSION_FORM = re.compile(r"[0-9][0-9A-Za-z]*([-+._~][0-9A-Za-z]+)*")
MAX_TOOL_VERSION_LENGTH = 64
"""Characters in the version of a tool; its column is as wide."""
PRERELEASE_WORDS = frozenset({"a", "alpha", "b", "beta", "c", "dev", "pre", "preview", "rc"})
"""The words after which a version is older than the same version without them: 4.0rc1 comes before 4.0."""
_BEFORE_END, _END, _AFTER_END = range(3)

ToolVersionKey = tuple[tuple[int, ...], tuple[tuple[int, int, str], ...]]


class InvalidVersion(ValueError):
    """The text is not a version of the expected form."""


@dataclass(frozen=True, slots=True, order=True)
class ConnectVersion:
    """The version of the connect component of an image. A minor version may break what an earlier one could do, a patch does not."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Returns the version of its text, such as `0.12.1`. Raises InvalidVersion."""
        match = CONNECT_VERSION_FORM.fullmatch(text)
        if match is None:
            raise InvalidVersion(f"{text!r} is not a version of the form major.minor.patch")
        return cls(*map(int, match.groups()))


CONNECT_VERSION = "0.1.0"
"""The connect version of the provided images, and of templates that name none: the contract of docs/images.md as this server keeps it."""


def is_tool_version(text: str) -> bool:
    """Returns whether the text can be the version of a tool: it begins with a digit, as in 4.6.6, 2025.04.1 and 6.2.0-r2."""
    return len(text) <= MAX_TOOL_VERSION_LENGTH and TOOL_VERSION_FORM.fullmatch(text) is not None


def tool_version_key(text: str) -> ToolVersionKey:
    """Returns the key by which versions of one tool are ordered.

    Numbers are compared as numbers, and zeros at the end do not count. What follows them makes a version newer (4.2.5-u1), except for
    the words of PRERELEASE_WORDS. Any text has a key, since earlier releases stored any.
    """
    numbers = re.match(r"[0-9]+(\.[0-9]+)*", text)
    release = [int(part) for part in numbers[0].split(".")] if numbers else []
    while release and release[-1] == 0:
        release.pop()
    rest = re.findall(r"[0-9]+|[^\W\d_]+", text[numbers.end() :] if numbers else text)
    return tuple(release), (*map(_part_key, rest), (_END, 0, ""))


def _part_key(part: str) -> tuple[int, int, str]:
    if part.isascii() and part.isdigit():
        return (_AFTER_END, int(part), "")
    word = part.casefold()
    return (_BEFORE_END if word in PRERELEASE_WORDS else _AFTER_END, 0, word)
