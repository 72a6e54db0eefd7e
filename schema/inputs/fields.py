"""The fields that many inputs have, and the decoding of their ids."""

from typing import Any

import strawberry

from schema import ids
from services.domain.errors import NotFound
from services.domain.limits import IDEMPOTENCY_KEY_LIFETIME_HOURS, MAX_IDEMPOTENCY_KEY_LENGTH

KEY = (
    f"A text that the client chooses, for example a UUID: 1 to {MAX_IDEMPOTENCY_KEY_LENGTH} characters. A call that repeats key and "
    f"input within {IDEMPOTENCY_KEY_LIFETIME_HOURS} hours returns the first result and changes nothing. "
    "If omitted or null, every call is carried out."
)
REVISION = (
    "The `Studio.revision` that the client has read. If the Studio has another revision now, nothing changes and the result is a "
    "StaleRevisionError. If omitted or null, the revision is not checked."
)


def idempotency_key(note: str = "") -> Any:
    """Returns the field by which a repeated call returns the result of the first one (B95)."""
    return strawberry.field(default=None, description=f"{KEY} {note}".strip())


def expected_revision(note: str = "") -> Any:
    """Returns the field that refuses an edit of a revision which the client has not read (B95)."""
    return strawberry.field(default=None, description=f"{REVISION} {note}".strip())


def expected_template_revision() -> Any:
    """Returns the field that refuses an edit of a revision of a template which the client has not read (B95)."""
    return strawberry.field(
        default=None,
        description="The `Template.revision` that the client has read. If the template has another revision now, nothing changes and the "
        "result is a StaleTemplateError. If omitted or null, the revision is not checked.",
    )


def decode(value: strawberry.ID, type_name: str, *field: str) -> str:
    """Returns the row id in a global id. Raises NotFound at the path `field` of the request for any other text."""
    try:
        return ids.decode(value, type_name)
    except NotFound as error:
        error.field = list(field)
        raise
