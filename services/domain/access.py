"""Who may do what: the role matrix and the token scopes, as data (B20, B91, B94)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from services.domain.actor import Actor
from services.domain.errors import Forbidden


class Role(IntEnum):
    """In a workspace, from least to most; each includes what the lesser ones may."""

    VIEW = 1
    CONNECT = 2
    LAUNCH = 3
    MAINTAIN = 4
    ADMIN = 5
    OWNER = 6


class TokenScope(StrEnum):
    """What a token may be used for, within its user's roles."""

    READ = "READ"
    OPERATE = "OPERATE"
    CONNECT = "CONNECT"
    MANAGE = "MANAGE"


class Permission(StrEnum):
    """One word per right that a field or mutation may require."""

    WORKSPACE_READ = "workspace.read"
    STUDIO_CONNECT = "studio.connect"
    STUDIO_DELETE = "studio.delete"
    STUDIO_STAR = "studio.star"
    STUDIO_START = "studio.start"
    STUDIO_STOP = "studio.stop"
    STUDIO_CREATE = "studio.create"
    STUDIO_EDIT = "studio.edit"
    CHECKPOINT_EDIT = "checkpoint.edit"
    MEMBER_MANAGE = "member.manage"


@dataclass(frozen=True, slots=True)
class Requirement:
    """The least role and the token scope that a permission asks for."""

    role: Role
    scope: TokenScope


MATRIX: dict[Permission, Requirement] = {
    Permission.WORKSPACE_READ: Requirement(Role.VIEW, TokenScope.READ),
    Permission.STUDIO_STAR: Requirement(Role.VIEW, TokenScope.READ),
    Permission.STUDIO_CONNECT: Requirement(Role.CONNECT, TokenScope.CONNECT),
    Permission.STUDIO_DELETE: Requirement(Role.CONNECT, TokenScope.OPERATE),
    Permission.STUDIO_START: Requirement(Role.LAUNCH, TokenScope.OPERATE),
    Permission.STUDIO_STOP: Requirement(Role.LAUNCH, TokenScope.OPERATE),
    Permission.STUDIO_CREATE: Requirement(Role.MAINTAIN, TokenScope.OPERATE),
    Permission.STUDIO_EDIT: Requirement(Role.MAINTAIN, TokenScope.OPERATE),
    Permission.CHECKPOINT_EDIT: Requirement(Role.MAINTAIN, TokenScope.OPERATE),
    Permission.MEMBER_MANAGE: Requirement(Role.OWNER, TokenScope.MANAGE),
}


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whoever holds the bearer token of a request: the user, and what the token lets them do."""

    user_id: str
    user_name: str
    token_id: str
    scopes: frozenset[TokenScope]
    expires_at: datetime | None = None

    @property
    def actor(self) -> Actor:
        return Actor.user(self.user_id, self.user_name)


def refusal(permission: Permission, role: Role, scopes: frozenset[TokenScope]) -> str | None:
    """Why `role` with `scopes` may not use `permission`, in words for the user; None if it may."""
    needs = MATRIX[permission]
    if role < needs.role:
        return f"This needs the role {needs.role.name} or above; yours is {role.name}. Ask an owner of the workspace."
    return scope_refusal(needs.scope, scopes)


def scope_refusal(scope: TokenScope, scopes: frozenset[TokenScope]) -> str | None:
    """Why a token with `scopes` may not do what needs `scope`; None if it may."""
    return None if scope in scopes else f"This access token lacks the scope {scope.value}. Use a token that has it."


def require(permission: Permission, role: Role, scopes: frozenset[TokenScope]) -> None:
    """Raise Forbidden unless `role` with `scopes` may use `permission`."""
    reason = refusal(permission, role, scopes)
    if reason:
        raise Forbidden(reason)


def require_scope(scope: TokenScope, scopes: frozenset[TokenScope]) -> None:
    """Raise Forbidden unless `scopes` hold `scope`: for what belongs to no workspace, such as one's own tokens."""
    reason = scope_refusal(scope, scopes)
    if reason:
        raise Forbidden(reason)


def require_grantable(wanted: Iterable[TokenScope], scopes: frozenset[TokenScope]) -> None:
    """Raise Forbidden if a token with `scopes` would make one that can do more than itself."""
    excess = sorted(scope.value for scope in set(wanted) - scopes)
    if excess:
        raise Forbidden(f"A token can only make tokens of its own scopes; this one lacks {', '.join(excess)}.", field=("scopes",))
