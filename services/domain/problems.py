"""Collects all problems of an input, so that one response reports all of them."""

from dataclasses import dataclass, field

from services.domain.errors import InvalidInput, Problem
from services.domain.limits import MAX_NAME_LENGTH
from services.domain.names import name_key


@dataclass(slots=True)
class Problems:
    """The problems of one input, in the order in which they were added.

    Field paths consist of the field names of the services' request classes (`memory_mib`); the schema translates them to the API's.
    """

    items: list[Problem] = field(default_factory=list)

    def add(self, path: str, code: str, message: str) -> None:
        """Adds a problem of the field at `path`, whose steps are separated by dots."""
        self.items.append(Problem(tuple(path.split(".")), code, message))

    def check_name(self, text: str, path: str = "name", noun: str = "A name") -> None:
        """Adds a problem if `text` without outer blanks is empty, too long, or contains a character that is not printable (B15)."""
        stripped = text.strip()
        if not name_key(stripped) or len(stripped) > MAX_NAME_LENGTH:
            self.add(path, "LENGTH", f"{noun} has 1 to {MAX_NAME_LENGTH} characters; this one has {len(stripped)}.")
        if not stripped.isprintable():
            self.add(path, "CHARACTERS", f"{noun} has only printable characters. Remove control characters such as line breaks.")

    def raise_any(self) -> None:
        """Raises InvalidInput with all problems, if there are any."""
        if self.items:
            raise InvalidInput(self.items)


def check_name(text: str) -> None:
    """Raises InvalidInput if `text` is not valid as a name."""
    problems = Problems()
    problems.check_name(text)
    problems.raise_any()


def invalid(path: str, code: str, message: str) -> InvalidInput:
    """Returns the error for an input with this one problem."""
    return InvalidInput([Problem(tuple(path.split(".")), code, message)])
