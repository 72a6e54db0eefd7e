"""Translates the services' field paths (`memory_mib`) to those of the API's inputs (`memoryMiB`)."""

import re
from collections.abc import Sequence
from dataclasses import fields

from services.studios.requests import Configuration

SPECIAL_NAMES = {"memory_mib": "memoryMiB", "max_memory_mib": "maxMemoryMiB", "env_vars": "environment"}
"""Fields whose name in the API is not the camel case of their name in the services."""
SOURCE_FIELDS = frozenset({"studio_id", "checkpoint_id"})
CONFIGURATION_FIELDS = frozenset(field.name for field in fields(Configuration))


def input_path(path: Sequence[str]) -> list[str]:
    """Returns the path in an input that has the fields of its request."""
    return [SPECIAL_NAMES.get(step) or _camel_case(step) for step in path]


def path_below_overrides(path: Sequence[str]) -> list[str]:
    """Returns the path in an input that has the fields of the configuration below its field `overrides`."""
    below = ["overrides"] if path[0] in CONFIGURATION_FIELDS else []
    return below + input_path(path)


def path_below_from(path: Sequence[str]) -> list[str]:
    """Returns the path in an input that has the ids of its source below its field `from`."""
    below = ["from"] if path[0] in SOURCE_FIELDS else []
    return below + input_path(path)


def _camel_case(name: str) -> str:
    return re.sub(r"_([a-z])", lambda letter: letter[1].upper(), name)
