"""Caches the encoded answers to introspection, which depend only on the schema and the request: making one takes 10 ms of the loop."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import orjson
from graphql import FieldNode, OperationDefinitionNode, OperationType

from schema.sized_cache import SizedCache

ROOT_FIELDS = frozenset({"__schema", "__type", "__typename"})
MAX_ANSWERS = 64
MAX_BYTES = 8 * 2**20
"""Bytes of all answers together. A full introspection has about 300 KiB."""


class IntrospectionAnswers:
    """The answers to operations that select nothing but introspection at their root."""

    def __init__(self) -> None:
        self._bodies: SizedCache[bytes] = SizedCache(count=MAX_ANSWERS, size=MAX_BYTES)

    def find(self, key: bytes | None) -> bytes | None:
        """Returns the body of the answer to an equal request, if it is cached. `key` is of `request_key`."""
        return None if key is None else self._bodies.get(key)

    def keep(self, key: bytes | None, body: bytes) -> None:
        """Caches an answer without errors, if it is one to introspection."""
        if key is not None:
            self._bodies.put(key, body, len(body))


def request_key(document_key: bytes, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> bytes | None:
    """Returns a key that is equal for equal requests; None if the operation is not introspection alone."""
    if operation.operation is not OperationType.QUERY:
        return None
    if not all(isinstance(node, FieldNode) and node.name.value in ROOT_FIELDS for node in operation.selection_set.selections):
        return None
    name = operation.name.value if operation.name else None
    return sha256(document_key + orjson.dumps([name, dict(variables)], option=orjson.OPT_SORT_KEYS)).digest()
