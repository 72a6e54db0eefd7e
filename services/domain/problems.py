"""Collecting what is wrong with an input, so that a person hears all of it at once."""

from dataclasses import dataclass, field

from services.domain.errors import InvalidInput, Problem


@dataclass(slots=True)
class Problems:
    """What is wrong so far. Paths are the names of the API's input fields."""

    found: list[Problem] = field(default_factory=list)

    def add(self, path: str, code: str, message: str) -> None:
        """Note one thing; `path` has dots between its steps."""
        self.found.append(Problem(tuple(path.split(".")), code, message))

    def check_text(self, path: str, text: str, least: int, most: int) -> None:
        """Note a text that has not `least` to `most` characters, or one that would garble a page or a log."""
        if not least <= len(text) <= most:
            self.add(path, "LENGTH", f"`{path}` has {least} to {most} characters; this one has {len(text)}.")
        if not text.isprintable():
            self.add(path, "CHARACTERS", f"`{path}` holds a character that cannot be shown, such as a line break. Remove it.")

    def raise_any(self) -> None:
        """Raise InvalidInput with everything noted, if anything was."""
        if self.found:
            raise InvalidInput(self.found)
