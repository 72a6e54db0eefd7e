"""What many inputs share: their common fields, and decoding of ids."""

from typing import Any

import strawberry

from schema import ids
from services.domain.errors import NotFound
from services.domain.limits import MAX_IDEMPOTENCY_KEY_LENGTH

KEY = (
    f"1 to {MAX_IDEMPOTENCY_KEY_LENGTH} characters of your choice. "
    "The same call with the same key answers the first result and changes nothing."
)
REVISION = "The `revision` of the Studio that you looked at. If it is another by now, nothing changes, and a StaleRevisionError says so."


def idempotency_key(note: str = "") -> Any:
    """The field by which a call that is sent again answers what the first one did (B95)."""
    return strawberry.field(default=None, description=f"{KEY} {note}".strip())


def expected_revision(note: str = "") -> Any:
    """The field that guards an edit against what the editor has not seen (B95)."""
    return strawberry.field(default=None, description=f"{REVISION} {note}".strip())


def decode(value: strawberry.ID, type_name: str, field: str) -> str:
    """The row id in a global id. Raises NotFound about `field` for text that is no id of a `type_name`."""
    try:
        return ids.decode(value, type_name)
    except NotFound as error:
        error.field = [field]
        raise
