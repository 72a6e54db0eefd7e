"""Reads YAML into a tree whose nodes know their line and column, without building any object.

Only what an `environment.yml` needs is accepted: mappings, lists and text. Anchors, aliases and tags are refused, so that the tree is never
larger than the text. Every plain value is text: `3.10` stays `3.10`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

MAX_DEPTH = 4
"""Levels of nesting: the environment, its dependencies, the entry `pip`, and its list."""


@dataclass(frozen=True, slots=True, order=True)
class TextPosition:
    """A place in a text. Lines and columns count from 1."""

    line: int
    column: int


class InvalidYaml(Exception):
    """The text is not YAML, or uses a feature of YAML that is refused. The message says what to do."""

    def __init__(self, position: TextPosition, message: str) -> None:
        super().__init__(message)
        self.position = position
        self.message = message


@dataclass(frozen=True, slots=True)
class YamlText:
    """A scalar. `is_plain`: it is written without quotes, so that an empty one means that there is no value."""

    position: TextPosition
    text: str
    is_plain: bool = True

    @property
    def is_absent(self) -> bool:
        return self.is_plain and self.text in ("", "~", "null")


@dataclass(frozen=True, slots=True)
class YamlList:
    """A list."""

    position: TextPosition
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class YamlMapping:
    """A mapping, with its keys in the order of the text. A key may occur more than once."""

    position: TextPosition
    entries: tuple[tuple[YamlText, "Node"], ...]


Node = YamlText | YamlList | YamlMapping


def read(text: str) -> Node | None:
    """Returns the root of the only document in `text`; None if there is none. Raises InvalidYaml."""
    try:
        return _Reader(yaml.parse(text, Loader=yaml.SafeLoader)).document()
    except yaml.reader.ReaderError as error:
        message = f"The character {error.character!r} is not allowed. Remove it."
        if isinstance(error.character, int):
            message = f"The character U+{error.character:04X} is not allowed. Remove it."
        raise InvalidYaml(_position_of(text, error.position), message) from error
    except yaml.MarkedYAMLError as error:
        position = _position(error.problem_mark or error.context_mark)
        message = f"This is not YAML: {error.problem or error.context}. Correct the line."
        raise InvalidYaml(position, message) from error
    except (ValueError, OverflowError) as error:  # an escape that is no character, as "\UFFFFFFFF"
        raise InvalidYaml(TextPosition(1, 1), f"This is not YAML: {error}. Remove escapes with a backslash.") from error


def _position(mark: Any) -> TextPosition:
    return TextPosition(mark.line + 1, mark.column + 1) if mark else TextPosition(1, 1)


def _position_of(text: str, index: int) -> TextPosition:
    before = text[:index]
    return TextPosition(before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1)


class _Reader:
    """Builds the tree from the events of the parser, which are read one at a time, so that a refused text is not read further."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self._events = events

    def document(self) -> Node | None:
        next(self._events)
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            return None
        root = self._node(next(self._events), 1)
        next(self._events)
        following = next(self._events)
        if not isinstance(following, yaml.StreamEndEvent):
            raise InvalidYaml(_position(following.start_mark), "There is a second document. Remove it, and the line `---` before it.")
        return root

    def _node(self, event: Any, depth: int) -> Node:
        position = _position(event.start_mark)
        if event.anchor is not None:  # also of an alias
            raise InvalidYaml(position, "Anchors (&) and aliases (*) are not supported. Write the value out, or in quotes.")
        if event.tag is not None:
            raise InvalidYaml(position, "Tags (!) are not supported. Remove it, or write the value in quotes.")
        if isinstance(event, yaml.ScalarEvent):
            return YamlText(position, event.value, event.style is None)
        if depth > MAX_DEPTH:
            raise InvalidYaml(position, "This is nested too deeply for an environment. Remove brackets and indentation.")
        if isinstance(event, yaml.SequenceStartEvent):
            return YamlList(position, tuple(self._items(depth)))
        return YamlMapping(position, tuple(self._entries(depth)))

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _entries(self, depth: int) -> Iterator[tuple[YamlText, Node]]:
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            if not isinstance(key, YamlText):
                raise InvalidYaml(key.position, "A key is a word, not a list or a mapping.")
            yield key, self._node(next(self._events), depth + 1)
