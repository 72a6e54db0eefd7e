"""The value of a field that a request leaves out, as opposed to null."""

from enum import Enum
from typing import Final, Literal, TypeAlias, TypeVar


class Unset(Enum):
    """The type of UNSET: a field that is absent, as opposed to null."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
T = TypeVar("T")
Maybe: TypeAlias = T | Literal[Unset.UNSET]
