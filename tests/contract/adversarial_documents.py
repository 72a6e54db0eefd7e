"""Documents of the real API that are as costly to validate as their parts allow: each part is made to cost more than its length."""

import random
from collections.abc import Callable
from itertools import pairwise

Part = Callable[[int], str]
"""Definitions with some `size` of what they have many of; names are unique by the size."""


def _chain(size: int) -> str:
    """Each fragment spreads the next."""
    names = [f"C{size}x{n}" for n in range(size + 1)]
    links = [f"fragment {name} on User{{...{after}}}" for name, after in pairwise(names)]
    return "".join([*links, f"fragment {names[-1]} on User{{id}}"])


def _mesh(size: int) -> str:
    """Each fragment spreads all later ones."""
    count = max(2, int((2 * size) ** 0.5))
    names = [f"M{size}x{n}" for n in range(count)]
    spreads = ["".join(f"...{later} " for later in names[index + 1 :]) or "id" for index in range(count)]
    return "".join(f"fragment {name} on User{{{below}}}" for name, below in zip(names, spreads, strict=True))


def _nested(size: int) -> str:
    """Selections that overlap on every level: twice as many fields on each."""
    below, levels = "id", max(1, size.bit_length() - 2)
    for _ in range(levels):
        below = f"organization{{workspaces{{{below}}}}} " * 2
    return f"fragment N{size} on Workspace{{{below}}}"


def _numbered(size: int, text: str) -> str:
    """The text so many times, each with a number of its own for `#`."""
    return "".join(text.replace("#", str(number)) for number in range(size))


def _variables(size: int) -> str:
    return f"query V{size}({_numbered(size, '$v#:ID! ')}){{nodes(ids:[{_numbered(size, '$v# ')}]){{id}}}}"


def _operations(size: int) -> str:
    return _numbered(size, f"query Q{size}x#{{viewer{{...R{size}}}}}") + f"fragment R{size} on User{{id}}"


PARTS: dict[str, Part] = {
    "fields of one name": lambda size: f"query O{size}{{viewer{{{'id ' * size}}}}}",
    "fields of one name that conflict": lambda size: f"fragment F{size} on User{{{'x:id x:userName ' * (size // 2)}}}",
    "objects of one name": lambda size: f"query P{size}{{viewer{{{'memberships{workspace{id}} ' * (size // 3)}}}}}",
    "differing arguments": lambda size: f"fragment A{size} on Workspace{{{_numbered(size, 'a:studios(first:#){totalCount} ')}}}",
    "arguments of one name": lambda size: f"query B{size}{{node({'id:1 ' * size}){{id}}}}",
    "unknown arguments": lambda size: f"query D{size}{{node({_numbered(size, 'a#:1 ')}){{id}}}}",
    "unknown fields": lambda size: f"fragment U{size} on User{{{_numbered(size, 'nope# ')}}}",
    "unknown enum values": lambda size: f"fragment E{size} on Workspace{{studios(filter:{{statuses:[{'X ' * size}]}}){{totalCount}}}}",
    "types of an interface": lambda size: f"fragment I{size} on Node{{{'...on User{id} ...on Studio{id} ' * (size // 2)}}}",
    "inline fragments": lambda size: f"fragment J{size} on User{{{'...on User{id} ' * size}}}",
    "a chain of fragments": lambda size: f"query K{size}{{viewer{{...C{size}x0}}}}{_chain(size)}",
    "a mesh of fragments": _mesh,
    "operations": _operations,
    "variables": _variables,
    "variables of one name": lambda size: f"query W{size}({'$v:Int ' * size}){{viewer{{id}}}}",
    "unknown directives": lambda size: f"fragment X{size} on User{{id{'@x' * size}}}",
    "nested overlaps": _nested,
    "lists": lambda size: f"query L{size}{{nodes(ids:[{'[1]' * size}]){{id}}}}",
    "input fields of one name": lambda size: f"query S{size}{{workspace(by:{{{'slug:1 ' * size}}}){{id}}}}",
}

SIZES = (10, 24, 50, 95, 140, 290, 590, 790, 1_900)
"""Below and above what is allowed of each part."""


def alone() -> dict[str, str]:
    """Each part in each size."""
    return {f"{name}, {size}": part(size) for name, part in PARTS.items() for size in SIZES}


def mixed(seed: int) -> str:
    """Several parts, in sizes that fit into one document."""
    chosen = random.Random(seed)
    parts = [chosen.choice(list(PARTS.values())) for _ in range(chosen.randint(2, 6))]
    return "".join(part(chosen.randint(5, 400 // len(parts)) * 10 + index) for index, part in enumerate(parts))
