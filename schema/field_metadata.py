"""Attaches metadata to fields: the permission they require, what their value depends on, and how it is resolved."""

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from graphql import GraphQLField
from strawberry.schema.schema_converter import GraphQLCoreConverter

from schema.plans import FieldKind, Plan
from services.domain.access import MATRIX, Permission


class Authenticated(Enum):
    """The policy that any valid token meets."""

    AUTHENTICATED = "authenticated"


AUTHENTICATED: Final = Authenticated.AUTHENTICATED
Policy: TypeAlias = Permission | Authenticated


class Mark(StrEnum):
    """What a value depends on, besides the data: an operation that uses such a field is not shared between viewers."""

    VIEWER = "viewer"
    NOW = "now"


WORDS: Mapping[Mark, str] = MappingProxyType({Mark.VIEWER: "Depends on the viewer.", Mark.NOW: "Depends on the time of the request."})
POLICY, MARKS, PLAN = "studiograph-policy", "studiograph-marks", "studiograph-plan"
"""The keys of a field's metadata."""


def metadata(policy: Policy | None, marks: tuple[Mark, ...], plan: Plan | None = None) -> dict[str, Any]:
    """Returns the metadata of a field. Root fields have no plan."""
    return {POLICY: policy, MARKS: frozenset(marks), PLAN: plan}


def described(description: str, marks: tuple[Mark, ...]) -> str:
    """Returns the description with what its marks mean for a reader."""
    return " ".join([description, *(WORDS[mark] for mark in marks)])


def with_requirement(description: str, policy: Policy) -> str:
    """Returns the description with the role and the token scope that `policy` needs; unchanged if any valid token will do."""
    if not isinstance(policy, Permission):
        return description
    requirement = MATRIX[policy]
    return f"{description} Requires the role {requirement.role.name} and the token scope {requirement.scope.value}."


def policy_of(field: GraphQLField) -> Policy | None:
    """Returns what the field requires of the viewer; None if nothing, which no root field may."""
    policy: Policy | None = _metadata_of(field).get(POLICY)
    return policy


def marks_of(field: GraphQLField) -> frozenset[Mark]:
    """Returns what the field's value depends on besides the data."""
    marks: frozenset[Mark] = _metadata_of(field).get(MARKS, frozenset())
    return marks


def plan_of(field: GraphQLField) -> Plan | None:
    """Returns how the field is resolved; None for root fields, which are resolved by their own functions."""
    plan: Plan | None = _metadata_of(field).get(PLAN)
    if plan is not None and plan.kind is FieldKind.ATTRIBUTE:
        return replace(plan, of=_definition_of(field).python_name)
    return plan


def _metadata_of(field: GraphQLField) -> Mapping[str, Any]:
    return getattr(_definition_of(field), "metadata", None) or {}


def _definition_of(field: GraphQLField) -> Any:
    return field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
