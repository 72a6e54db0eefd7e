"""Who may do what: roles, token scopes, permissions, and the one function that decides (B20, B91, B92, B94)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType

from services.domain.actor import Actor
from services.domain.errors import Forbidden, NotFound, StudiosSwitchedOff


class Role(IntEnum):
    """The role of a member in a workspace, from least to most. Each role includes what the lesser roles may do."""

    VIEW = 1
    CONNECT = 2
    LAUNCH = 3
    MAINTAIN = 4
    ADMIN = 5
    OWNER = 6


class TokenScope(StrEnum):
    """What an access token may be used for, within the roles of its user."""

    READ = "READ"
    OPERATE = "OPERATE"
    CONNECT = "CONNECT"
    MANAGE = "MANAGE"


class Permission(StrEnum):
    """One kind of access that a field, a mutation or a session requires. `MATRIX` says what each one allows and needs."""

    WORKSPACE_READ = "workspace.read"
    STUDIO_CONNECT = "studio.connect"
    STUDIO_DELETE = "studio.delete"
    STUDIO_STAR = "studio.star"
    STUDIO_START = "studio.start"
    STUDIO_STOP = "studio.stop"
    STUDIO_CREATE = "studio.create"
    STUDIO_CLONE = "studio.clone"
    STUDIO_EDIT = "studio.edit"
    CHECKPOINT_EDIT = "checkpoint.edit"
    TEMPLATE_MANAGE = "template.manage"
    WORKSPACE_EDIT = "workspace.edit"
    MEMBER_MANAGE = "member.manage"
    METRICS_READ = "metrics.read"


@dataclass(frozen=True, slots=True)
class Requirement:
    """The least role and the token scope that a permission needs, and one sentence that says what the permission allows."""

    role: Role
    scope: TokenScope
    description: str
    needs_studios: bool = False
    """Whether it is denied while Studios are switched off in the workspace (B97)."""


MATRIX: Mapping[Permission, Requirement] = MappingProxyType(
    {
        Permission.WORKSPACE_READ: Requirement(
            Role.VIEW, TokenScope.READ, "See the workspace and all that is in it: Studios, sessions, logs, checkpoints, events, members."
        ),
        Permission.STUDIO_STAR: Requirement(
            Role.VIEW, TokenScope.READ, "Mark a Studio with a star for oneself, and remove the star again."
        ),
        Permission.STUDIO_CONNECT: Requirement(Role.CONNECT, TokenScope.CONNECT, "Open a running session, in a browser or from a program."),
        Permission.STUDIO_DELETE: Requirement(
            Role.CONNECT, TokenScope.OPERATE, "Delete a Studio that has ended, and those of its checkpoints that no other Studio needs."
        ),
        Permission.STUDIO_START: Requirement(
            Role.LAUNCH,
            TokenScope.OPERATE,
            "Start a Studio, also with other resources for one session, and retry the failed build of its image.",
            needs_studios=True,
        ),
        Permission.STUDIO_STOP: Requirement(
            Role.LAUNCH, TokenScope.OPERATE, "Stop a running Studio, cancel the build of its image, and force a stop that does not end."
        ),
        Permission.STUDIO_CREATE: Requirement(Role.MAINTAIN, TokenScope.OPERATE, "Create a Studio in the workspace.", needs_studios=True),
        Permission.STUDIO_CLONE: Requirement(
            Role.MAINTAIN,
            TokenScope.OPERATE,
            "Make a new Studio from a checkpoint of another one, in the same workspace.",
            needs_studios=True,
        ),
        Permission.STUDIO_EDIT: Requirement(
            Role.MAINTAIN,
            TokenScope.OPERATE,
            "Change a Studio's name, description and configuration, and start a session with other environment variables.",
        ),
        Permission.CHECKPOINT_EDIT: Requirement(
            Role.MAINTAIN, TokenScope.OPERATE, "Save a running session as a checkpoint, and rename and delete checkpoints."
        ),
        Permission.TEMPLATE_MANAGE: Requirement(
            Role.ADMIN, TokenScope.MANAGE, "Add and change the templates of the workspace, and add newer releases of the provided ones."
        ),
        Permission.WORKSPACE_EDIT: Requirement(
            Role.ADMIN, TokenScope.MANAGE, "Change the settings of the workspace, and the limits on what its sessions hold at a time."
        ),
        Permission.MEMBER_MANAGE: Requirement(
            Role.OWNER, TokenScope.MANAGE, "Add members to the workspace, change their roles, and remove them."
        ),
        Permission.METRICS_READ: Requirement(
            Role.OWNER, TokenScope.READ, "Read `/metrics`, which describe the installation: this needs the role in every workspace."
        ),
    }
)
"""The role matrix of the product (B20, B91). The page docs/rights.md is made from it."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """The user of a request, and what the access token of the request lets them do."""

    user_id: str
    user_name: str
    token_id: str
    scopes: frozenset[TokenScope]
    expires_at: datetime | None = None

    @property
    def actor(self) -> Actor:
        return Actor.user(self.user_id, self.user_name)


class OperatorPermission(StrEnum):
    """A permission that only the operator of the installation has: no role and no token includes it."""

    USER_MANAGE = "user.manage"
    TOKEN_MANAGE = "token.manage"  # noqa: S105 - the name of a permission
    WORKSPACE_MANAGE = "workspace.manage"
    TEMPLATE_MANAGE = "template.manage"
    COMPUTE_ENVIRONMENT_MANAGE = "compute-environment.manage"


OPERATOR_PERMISSIONS: Mapping[OperatorPermission, str] = MappingProxyType(
    {
        OperatorPermission.USER_MANAGE: "Add, change and remove users.",
        OperatorPermission.TOKEN_MANAGE: "Create and revoke access tokens of any user.",
        OperatorPermission.WORKSPACE_MANAGE: "Add, change and remove workspaces, give users a role in them, and limit organizations.",
        OperatorPermission.TEMPLATE_MANAGE: "Add, change and remove the templates of a workspace.",
        OperatorPermission.COMPUTE_ENVIRONMENT_MANAGE: "Add, change and remove compute environments, and enable or disable them.",
    }
)
"""One sentence for each: what the permission allows."""


@dataclass(frozen=True, slots=True)
class Operator:
    """The operator of the installation: a system actor without a user. The command line and the start of a server act as this one."""

    permissions: frozenset[OperatorPermission] = frozenset(OperatorPermission)

    @property
    def actor(self) -> Actor:
        return Actor.system("operator")


@dataclass(frozen=True, slots=True)
class AccessFacts:
    """All that `decide` knows about a viewer and a workspace, or a Studio in it, as it was at one moment.

    `role` is None for a user who is not a member. A rule that needs another fact, such as the owner of the Studio, adds it here; the
    statements that read the facts are in `services/store/access.py` and `services/store/access_facts.py`.
    """

    role: Role | None
    scopes: frozenset[TokenScope]
    studios_enabled: bool = True


class Resource(Enum):
    """A type of object that requests refer to by id. A viewer who must not learn whether one exists gets `not_found()` (B92)."""

    WORKSPACE = ("workspace", "workspace_id")
    STUDIO = ("Studio", "studio_id")
    CHECKPOINT = ("checkpoint", "checkpoint_id")
    OPERATION = ("operation", "operation_id")
    TEMPLATE = ("template", "template_id")

    def not_found(self) -> NotFound:
        """Returns the error for an object that does not exist or is hidden from the viewer: the two must read the same."""
        name, field = self.value
        return NotFound(f"There is no such {name}, or you have no access to it.", field=(field,))


class Denial(StrEnum):
    """The stable code of a denied access."""

    NOT_FOUND = NotFound.code
    FORBIDDEN = Forbidden.code
    SWITCHED_OFF = StudiosSwitchedOff.code


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a viewer may do something.

    `denial` is None if they may. NOT_FOUND means that the viewer must not learn that the thing exists. FORBIDDEN means that the viewer
    sees the thing but may not do this to it: `message` explains to them what they lack. SWITCHED_OFF means that nobody may do this in the
    workspace now.
    """

    denial: Denial | None = None
    message: str = ""

    @property
    def is_allowed(self) -> bool:
        return self.denial is None

    def enforce(self, resource: Resource) -> None:
        """Raises NotFound about `resource`, Forbidden or StudiosSwitchedOff; returns if the access is allowed."""
        if self.denial is Denial.NOT_FOUND:
            raise resource.not_found()
        if self.denial is Denial.FORBIDDEN:
            raise Forbidden(self.message)
        if self.denial is Denial.SWITCHED_OFF:
            raise StudiosSwitchedOff(self.message)


ALLOWED = Decision()


def decide(permission: Permission, facts: AccessFacts) -> Decision:
    """Decides whether a viewer with these facts has the permission. Every check of a right goes through this function.

    For a viewer who is not a member the answer is NOT_FOUND, whatever the token's scopes are (B92).
    """
    if facts.role is None:
        return Decision(Denial.NOT_FOUND)
    requirement = MATRIX[permission]
    if facts.role < requirement.role:
        needed, actual = requirement.role.name, facts.role.name
        message = f"This needs the role {needed} or above; yours is {actual}. Ask an owner of the workspace."
        return Decision(Denial.FORBIDDEN, message)
    if requirement.needs_studios and not facts.studios_enabled:
        return Decision(Denial.SWITCHED_OFF, "Studios are switched off in this workspace. Ask one of its administrators to switch them on.")
    return decide_scope(requirement.scope, facts.scopes)


def decide_scope(scope: TokenScope, scopes: frozenset[TokenScope]) -> Decision:
    """Decides whether a token with `scopes` may do what needs `scope`.

    Used alone where no workspace is concerned (one's own tokens), and where the scope is checked before the workspace is known.
    """
    if scope in scopes:
        return ALLOWED
    return Decision(Denial.FORBIDDEN, f"This access token lacks the scope {scope.value}. Use a token that has it.")


def role_allows(permission: Permission, role: Role | None) -> bool:
    """Returns whether a member with this role has the permission, with a token of every scope. False without a role."""
    return decide(permission, AccessFacts(role, frozenset(TokenScope))).is_allowed


def roles_with(permission: Permission) -> list[Role]:
    """Returns the roles that have the permission."""
    return [role for role in Role if role_allows(permission, role)]


def require_scope(scope: TokenScope, scopes: frozenset[TokenScope]) -> None:
    """Raises Forbidden unless `scopes` include `scope`. For objects outside of workspaces, such as the viewer's own tokens."""
    decision = decide_scope(scope, scopes)
    if not decision.is_allowed:
        raise Forbidden(decision.message)


def require_grantable(requested: Iterable[TokenScope], scopes: frozenset[TokenScope]) -> None:
    """Raises Forbidden if a token with `scopes` would create a token that can do more than itself (B94)."""
    excess = sorted(scope.value for scope in set(requested) - scopes)
    if excess:
        raise Forbidden(
            f"The access token lacks {', '.join(excess)}, and can only create tokens with its own scopes. Request fewer scopes.",
            field=("scopes",),
        )


def require_operator(permission: OperatorPermission, operator: Operator) -> None:
    """Raises Forbidden unless the operator has the permission."""
    if permission not in operator.permissions:
        raise Forbidden(f"This needs the permission {permission.value} of the installation's operator.")
