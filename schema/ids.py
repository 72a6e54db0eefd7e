"""Global ids: what clients hold is base64 of `Type:row id`."""

import base64
import binascii
import re
from dataclasses import dataclass

from services.domain.errors import BadArgument, NotFound

ROW_ID = re.compile(r"[0-9a-f]{32}")


class BadId(NotFound):
    """Text that is no id of ours, or the id of something else. Says nothing about what exists (B92)."""

    code = "BAD_ID"


@dataclass(frozen=True, slots=True)
class GlobalId:
    """The parts of an id."""

    type_name: str
    row_id: str


def encode(type_name: str, row_id: str) -> str:
    """The id that clients see."""
    return base64.b64encode(f"{type_name}:{row_id}".encode()).decode()


def parse(text: str) -> GlobalId:
    """The parts of `text`. Raises BadId."""
    try:
        type_name, _, row_id = base64.b64decode(text, validate=True).decode("ascii").partition(":")
    except (ValueError, binascii.Error):
        type_name, row_id = "", ""
    if not type_name.isalpha() or not ROW_ID.fullmatch(row_id):
        raise BadId("This is not an id of this server. Use an id that the server returned.")
    return GlobalId(type_name, row_id)


def decode(text: str, type_name: str) -> str:
    """The row id in the id of a `type_name`. Raises BadId."""
    found = parse(text)
    if found.type_name != type_name:
        raise BadId(f"This is the id of a {found.type_name}. Use the id of a {type_name}.")
    return found.row_id


def given_id(text: str | None, type_name: str, argument: str) -> str:
    """The row id. Raises BadArgument that says which argument is wrong."""
    try:
        return decode(text or "", type_name)
    except BadId as error:
        raise BadArgument(argument, error.code, error.message) from error
