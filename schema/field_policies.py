"""What each field asks of the viewer, and on what its value depends besides the data: as data, for walks over the schema."""

from collections.abc import Mapping
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from graphql import GraphQLField
from strawberry.schema.schema_converter import GraphQLCoreConverter

from services.domain.access import MATRIX, Permission


class Authenticated(Enum):
    """Any valid token will do."""

    AUTHENTICATED = "authenticated"


AUTHENTICATED: Final = Authenticated.AUTHENTICATED
Policy: TypeAlias = Permission | Authenticated


class Mark(StrEnum):
    """What a value depends on, besides the data: an operation that uses such a field is not shared between viewers."""

    VIEWER = "viewer"
    NOW = "now"


WORDS: Mapping[Mark, str] = MappingProxyType({Mark.VIEWER: "Depends on the viewer.", Mark.NOW: "Depends on the time of the request."})
_POLICY, _MARKS = "studiograph-policy", "studiograph-marks"


def metadata(policy: Policy | None, marks: tuple[Mark, ...]) -> dict[str, Any]:
    """What a field carries."""
    return {_POLICY: policy, _MARKS: frozenset(marks)}


def described(description: str, marks: tuple[Mark, ...]) -> str:
    """The description with what its marks mean for a reader."""
    return " ".join([description, *(WORDS[mark] for mark in marks)])


def with_requirement(description: str, policy: Policy) -> str:
    """The description with the role and the token scope that `policy` needs; unchanged if any valid token will do."""
    if not isinstance(policy, Permission):
        return description
    requirement = MATRIX[policy]
    return f"{description} Requires the role {requirement.role.name} and the token scope {requirement.scope.value}."


def policy_of(field: GraphQLField) -> Policy | None:
    """What the field declares; None = nothing, which no root field may."""
    found: Policy | None = _metadata_of(field).get(_POLICY)
    return found


def marks_of(field: GraphQLField) -> frozenset[Mark]:
    """What the field's value depends on besides the data."""
    found: frozenset[Mark] = _metadata_of(field).get(_MARKS, frozenset())
    return found


def _metadata_of(field: GraphQLField) -> Mapping[str, Any]:
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    return getattr(definition, "metadata", None) or {}
