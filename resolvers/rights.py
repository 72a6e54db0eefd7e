"""The permissions of a request, as far as the scopes of its access token decide them."""

from services.domain.access import MATRIX, Permission, Viewer, decide_scope
from services.domain.errors import Forbidden

Rights = frozenset[Permission]
"""The same for all tokens with the same scopes, whoever holds them, so that work can be shared between such requests."""


def rights_of(viewer: Viewer) -> Rights:
    """Returns the permissions that the token's scopes allow. The viewer's role is checked where the workspace is known."""
    return frozenset(permission for permission, requirement in MATRIX.items() if decide_scope(requirement.scope, viewer.scopes).is_allowed)


def missing_scope(permission: Permission, viewer: Viewer) -> Forbidden:
    """Returns the error for a viewer whose token lacks the scope that `permission` needs."""
    return Forbidden(decide_scope(MATRIX[permission].scope, viewer.scopes).message)
