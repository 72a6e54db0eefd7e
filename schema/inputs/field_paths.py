"""Translates the services' field paths (`memory_mib`) to those of the API's inputs (`memoryMiB`)."""

import re
from collections.abc import Sequence

SPECIAL_NAMES = {"memory_mib": "memoryMiB", "env_vars": "environment"}
"""Fields whose name in the API is not the camel case of their name in the services."""


def api_path(path: Sequence[str] | None) -> list[str] | None:
    """The path of an input field as clients wrote it; None for None. A path in the API's names is returned unchanged."""
    return None if path is None else [SPECIAL_NAMES.get(step) or _camel_case(step) for step in path]


def _camel_case(name: str) -> str:
    return re.sub(r"_([a-z])", lambda letter: letter[1].upper(), name)
