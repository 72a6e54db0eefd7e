"""Checks what is asked of a Conda package: name, version and build, as in `numpy>=1.26,<3` or `python=3.12`.

Solvers read almost any text as a request, and take a typing error for a version. The grammar here is the part of it that people use:
`[CHANNEL::]NAME`, then nothing, `=VERSION`, `=VERSION=BUILD`, or comparisons that `,` (and) or `|` (or) join, with a build after a blank.
"""

import re
from dataclasses import dataclass

_VERSION = r"(?:\d+!)?\d[0-9a-z]*(?:[._][0-9a-z]+)*(?:\+[0-9a-z]+(?:[._][0-9a-z]+)*)?(?:\.?\*)?"
_COMPARISON = rf"(?:(?:==|!=|~=|>=|<=|>|<|=)\s*)?{_VERSION}|\*"
_COMPARISONS = rf"(?:{_COMPARISON})(?:\s*[,|]\s*(?:{_COMPARISON}))*"
_BUILD = r"[0-9a-z_.+*]+"
_CHANNEL = r"(?:(?P<channel>[0-9a-z][0-9a-z._/-]*)::)?"
_NAME = r"(?P<name>[a-z0-9_][a-z0-9_.-]*?)"
SPEC = re.compile(
    rf"{_CHANNEL}{_NAME}(?:\s*==?\s*(?:{_VERSION}|\*)\s*=\s*{_BUILD}|\s*(?:=|==)\s*\*|(?:\s+|\s*(?=[=<>!~])){_COMPARISONS}(?:\s+{_BUILD})?)?",
    re.IGNORECASE,
)
TOO_LARGE = re.compile(r"\d{20}")
"""Solvers hold the numbers of a version in 64 bits."""
MAX_SPEC_LENGTH = 200
"""Characters of one request."""


class InvalidSpec(ValueError):
    """The text asks for no package. The message says what to write instead."""


@dataclass(frozen=True, slots=True)
class PackageSpec:
    """A request for a package. `text` is what a solver gets; `name` is in lower case; `channel` is None if any channel may have it."""

    name: str
    text: str
    channel: str | None = None


def parse(text: str) -> PackageSpec:
    """Returns the request that `text` makes. Raises InvalidSpec."""
    stripped = text.strip()
    if len(stripped) > MAX_SPEC_LENGTH:
        raise InvalidSpec(f"A package is asked for in at most {MAX_SPEC_LENGTH} characters. Shorten it.")
    if "[" in stripped:
        raise InvalidSpec("Brackets are not supported. Write NAME=VERSION; packages with extras can be installed with pip.")
    match = SPEC.fullmatch(stripped)
    if match is None or not stripped.isascii() or TOO_LARGE.search(stripped, match.end("name")):
        raise InvalidSpec(f"{_shown(stripped)} asks for no package. Write NAME, NAME=VERSION or NAME>=VERSION, as in numpy>=1.26.")
    channel, name = match["channel"], match["name"].lower()
    constraint = re.sub(r"\s*([,|<>=!~]+)\s*", r"\1", stripped[match.end("name") :]).strip()
    separator = " " if constraint[:1] not in ("", "=", "<", ">", "!", "~") else ""
    return PackageSpec(name, f"{channel}::{name}{separator}{constraint}" if channel else f"{name}{separator}{constraint}", channel)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}...")
