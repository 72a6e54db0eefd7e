"""The rights of a request as a small hashable set: the same for all tokens with the same scopes, whoever holds them."""

from services.domain.access import MATRIX, Permission, Viewer
from services.domain.errors import Forbidden

Rights = frozenset[Permission]


def rights_of(viewer: Viewer) -> Rights:
    """The permissions that the token's scopes leave open. Whether the role has them too is asked where a workspace is known."""
    return frozenset(permission for permission, needs in MATRIX.items() if needs.scope in viewer.scopes)


def missing_scope(permission: Permission) -> Forbidden:
    """The error for a token without the scope."""
    return Forbidden(f"This access token lacks the scope {MATRIX[permission].scope.value}. Use a token that has it.")
