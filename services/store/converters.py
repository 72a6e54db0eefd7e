"""Converters of stored values to domain objects, for the fields of records (`services.store.db.record`)."""

from typing import Any

from services.domain.access import TokenScope
from services.domain.actor import Actor
from services.store.db.types import json_value


def actor(stored: Any) -> Actor:
    return Actor.from_json(json_value(stored))


def scope_list(stored: Any) -> list[TokenScope]:
    return [TokenScope(scope) for scope in json_value(stored)]


def scope_set(stored: Any) -> frozenset[TokenScope]:
    return frozenset(scope_list(stored))


def is_set(stored: Any) -> bool:
    """Returns whether the column is not null."""
    return stored is not None
