"""What the revocation watcher keeps track of: tokens in use, workspaces with open streams, and the permissions that streams need."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from services.domain.access import AccessFacts, Denial, Permission, Role, Viewer, decide
from services.domain.errors import DomainError, Forbidden
from services.store.rights import MembershipKey


class TokenWatch:
    """A token in use, and an event that is set when the token expires or is revoked."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.users = 0
        self.ended = asyncio.Event()
        self.timer: asyncio.TimerHandle | None = None

    def end(self) -> None:
        self.ended.set()


class WorkspaceWatch:
    """The observation of one workspace's membership events, shared by all permission watches of that workspace."""

    def __init__(self, observation: AbstractAsyncContextManager[None]) -> None:
        self.users = 0
        self.attached = asyncio.Event()
        self._observation = observation
        self.task: asyncio.Task[None] | None = None

    def start(self, on_attached: Callable[[], None]) -> None:
        self.task = asyncio.create_task(self._observe(on_attached), name="membership events of a workspace")

    async def _observe(self, on_attached: Callable[[], None]) -> None:
        async with self._observation:
            on_attached()
            self.attached.set()
            await asyncio.get_running_loop().create_future()


@dataclass(eq=False, slots=True)
class PermissionWatch:
    """A permission that an open stream depends on. `on_lost` is called at most once with the error to show; it must not block."""

    viewer: Viewer
    workspace_id: str
    permission: Permission
    on_lost: Callable[[DomainError], None]
    is_lost: bool = field(default=False, init=False)

    @property
    def membership_key(self) -> MembershipKey:
        return (self.workspace_id, self.viewer.user_id)

    def check_role(self, role: Role | None) -> None:
        """Calls `on_lost` if `role` does not grant the permission."""
        error = permission_error(self.permission, role, self.viewer)
        if error and not self.is_lost:
            self.is_lost = True
            self.on_lost(error)


def permission_error(permission: Permission, role: Role | None, viewer: Viewer) -> DomainError | None:
    """Returns the error for a viewer whose role or token no longer grants the permission, None if it does."""
    decision = decide(permission, AccessFacts(role, viewer.scopes))
    if decision.denial is Denial.NOT_FOUND:
        return Forbidden("You are no longer a member of this workspace.")
    return None if decision.is_allowed else Forbidden(decision.message)
