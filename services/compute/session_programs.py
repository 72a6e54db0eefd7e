"""What is run in a session beside its tool, and which files of it differ from those of its image."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionProgram:
    """A program to be run beside the tool of a running session, with the tool's image but without the Studio's variables.

    It is ended after `seconds`, and of its output at most `max_bytes` are kept.
    """

    argv: tuple[str, ...]
    seconds: float
    max_bytes: int


@dataclass(frozen=True, slots=True)
class SessionFiles:
    """Which files sessions added or changed, as paths relative to the root directory of their image.

    `conflicts` are those of them that another template changed, too, in another way. `unread` says why the files could not be looked at;
    it is empty if they were.
    """

    paths: tuple[str, ...]
    conflicts: tuple[str, ...] = ()
    unread: str = ""
