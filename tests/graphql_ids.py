"""Ids as GraphQL clients see them, for tests that know the row."""

from schema.ids import encode


def global_id(type_name: str, row_id: str) -> str:
    """The Relay id of a row."""
    return str(encode(type_name, row_id))
