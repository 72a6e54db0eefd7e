"""Encodes and decodes global ids: the base64 of `Type:row id`."""

import base64
import binascii
import re
from dataclasses import dataclass

from services.domain.errors import BadArgument, NotFound

ROW_ID = re.compile(r"[0-9a-f]{32}")


class BadId(NotFound):
    """The text is not a global id, or is the id of another type. The message does not say what exists (B92)."""

    code = "BAD_ID"


@dataclass(frozen=True, slots=True)
class GlobalId:
    """The parts of an id."""

    type_name: str
    row_id: str


def encode(type_name: str, row_id: str) -> str:
    """Returns the global id."""
    return base64.b64encode(f"{type_name}:{row_id}".encode()).decode()


def parse(text: str) -> GlobalId:
    """Returns the parts of a global id. Raises BadId."""
    try:
        type_name, _, row_id = base64.b64decode(text, validate=True).decode("ascii").partition(":")
    except (ValueError, binascii.Error):
        type_name, row_id = "", ""
    if not type_name.isalpha() or not ROW_ID.fullmatch(row_id):
        raise BadId("This is not an id of this server. Use an id that the server returned.")
    return GlobalId(type_name, row_id)


def decode(text: str, type_name: str) -> str:
    """Returns the row id in the global id of a `type_name`. Raises BadId."""
    global_id = parse(text)
    if global_id.type_name != type_name:
        raise BadId(f"This is the id of a {global_id.type_name}. Use the id of a {type_name}.")
    return global_id.row_id


def argument_id(text: str | None, type_name: str, argument: str) -> str:
    """Returns the row id. Raises BadArgument, which names the argument."""
    try:
        return decode(text or "", type_name)
    except BadId as error:
        raise BadArgument(argument, error.code, error.message) from error
