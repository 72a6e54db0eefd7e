"""Decides every permission for every role and every set of scopes (B91), and for a user who is not a member (B92)."""

import ast
from itertools import combinations
from pathlib import Path

import pytest

from services.domain.access import (
    MATRIX,
    AccessFacts,
    Denial,
    Permission,
    Resource,
    Role,
    TokenScope,
    decide,
    role_allows,
)
from services.domain.errors import Forbidden, NotFound

LEAST_ROLE = {
    Permission.WORKSPACE_READ: Role.VIEW,
    Permission.STUDIO_STAR: Role.VIEW,
    Permission.STUDIO_CONNECT: Role.CONNECT,
    Permission.STUDIO_DELETE: Role.CONNECT,
    Permission.STUDIO_START: Role.LAUNCH,
    Permission.STUDIO_STOP: Role.LAUNCH,
    Permission.STUDIO_CREATE: Role.MAINTAIN,
    Permission.STUDIO_CLONE: Role.MAINTAIN,
    Permission.STUDIO_EDIT: Role.MAINTAIN,
    Permission.CHECKPOINT_EDIT: Role.MAINTAIN,
    Permission.TEMPLATE_MANAGE: Role.ADMIN,
    Permission.WORKSPACE_EDIT: Role.ADMIN,
    Permission.MEMBER_MANAGE: Role.OWNER,
    Permission.METRICS_READ: Role.OWNER,
}
"""B20 and B91 written a second time, so that a mistake in MATRIX makes a test fail."""

SCOPES = {
    TokenScope.READ: {Permission.WORKSPACE_READ, Permission.STUDIO_STAR, Permission.METRICS_READ},
    TokenScope.CONNECT: {Permission.STUDIO_CONNECT},
    TokenScope.OPERATE: {
        Permission.STUDIO_DELETE,
        Permission.STUDIO_START,
        Permission.STUDIO_STOP,
        Permission.STUDIO_CREATE,
        Permission.STUDIO_CLONE,
        Permission.STUDIO_EDIT,
        Permission.CHECKPOINT_EDIT,
    },
    TokenScope.MANAGE: {Permission.TEMPLATE_MANAGE, Permission.MEMBER_MANAGE, Permission.WORKSPACE_EDIT},
}

EVERY_SET_OF_SCOPES = [frozenset(scopes) for size in range(5) for scopes in combinations(TokenScope, size)]


def test_every_permission_has_its_row() -> None:
    assert set(MATRIX) == set(LEAST_ROLE) == set(Permission) == set().union(*SCOPES.values())


@pytest.mark.behaviour("B91")
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("permission", Permission)
def test_a_permission_needs_its_role_and_its_scope(permission: Permission, role: Role) -> None:
    for scopes in EVERY_SET_OF_SCOPES:
        allowed = role >= LEAST_ROLE[permission] and any(permission in SCOPES[scope] for scope in scopes)
        assert decide(permission, AccessFacts(role, scopes)).is_allowed == allowed


@pytest.mark.behaviour("B91")
@pytest.mark.parametrize("permission", Permission)
def test_a_denial_names_the_missing_role_or_scope(permission: Permission) -> None:
    if LEAST_ROLE[permission] is not Role.VIEW:
        with pytest.raises(Forbidden, match=LEAST_ROLE[permission].name):
            decide(permission, AccessFacts(Role.VIEW, frozenset(TokenScope))).enforce(Resource.STUDIO)
    with pytest.raises(Forbidden, match=MATRIX[permission].scope.value):
        decide(permission, AccessFacts(Role.OWNER, frozenset())).enforce(Resource.STUDIO)


@pytest.mark.behaviour("B92")
@pytest.mark.parametrize("scopes", EVERY_SET_OF_SCOPES)
@pytest.mark.parametrize("permission", Permission)
def test_who_is_not_a_member_is_told_not_found_whatever_the_scopes(permission: Permission, scopes: frozenset[TokenScope]) -> None:
    decision = decide(permission, AccessFacts(None, scopes))
    assert (decision.denial, decision.message) == (Denial.NOT_FOUND, "")
    with pytest.raises(NotFound, match="no such checkpoint, or you have no access to it"):
        decision.enforce(Resource.CHECKPOINT)


@pytest.mark.parametrize("permission", Permission)
def test_a_role_alone_allows_what_it_allows_with_every_scope(permission: Permission) -> None:
    assert [role for role in Role if role_allows(permission, role)] == [role for role in Role if role >= LEAST_ROLE[permission]]
    assert not role_allows(permission, None)


ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("services", "resolvers", "schema", "connect", "studiograph")
DECIDING_MODULE = "services/domain/access.py"


def _compares_roles_or_scopes(node: ast.AST) -> bool:
    """Whether the node orders a role (`role < Role.CONNECT`), or looks for a scope (`scope in viewer.scopes`)."""
    if not isinstance(node, ast.Compare):
        return False
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    attributes = {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}
    orders = any(isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for operator in node.ops)
    contains = any(isinstance(operator, ast.In | ast.NotIn) for operator in node.ops)
    is_role = not {"Role", "role", "viewer_role"}.isdisjoint(names | attributes)
    return (orders and is_role) or (contains and "scopes" in names | attributes)


def _modules_that_compare() -> set[str]:
    modules = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return {
        path.relative_to(ROOT).as_posix()
        for path in modules
        if any(_compares_roles_or_scopes(node) for node in ast.walk(ast.parse(path.read_text())))
    }


@pytest.mark.behaviour("B91")
def test_roles_and_scopes_are_compared_in_one_module_only() -> None:
    assert _modules_that_compare() == {DECIDING_MODULE}


@pytest.mark.parametrize("text", ["role < Role.CONNECT", "studio.viewer_role >= needed.role", "scope not in viewer.scopes"])
def test_the_search_recognizes_a_comparison(text: str) -> None:
    assert any(_compares_roles_or_scopes(node) for node in ast.walk(ast.parse(text)))
