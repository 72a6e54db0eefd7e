"""What is watched over: tokens that may end, rights that may be lost."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from services.domain.access import AccessFacts, Denial, Permission, Role, Viewer, decide
from services.domain.errors import DomainError, Forbidden
from services.store.rights import MembershipKey


class TokenWatch:
    """One token and all who wait for its end."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.users = 0
        self.ended = asyncio.Event()
        self.timer: asyncio.TimerHandle | None = None

    def end(self) -> None:
        self.ended.set()


class Hearing:
    """What is heard of one workspace, as long as somebody needs it."""

    def __init__(self, tap: AbstractAsyncContextManager[None]) -> None:
        self.users = 0
        self.begun = asyncio.Event()
        self._tap = tap
        self.task: asyncio.Task[None] | None = None

    def begin(self, on_begun: Callable[[], None]) -> None:
        self.task = asyncio.create_task(self._hear(on_begun), name="hearing of a workspace")

    async def _hear(self, on_begun: Callable[[], None]) -> None:
        async with self._tap:
            on_begun()
            self.begun.set()
            await asyncio.get_running_loop().create_future()


@dataclass(eq=False, slots=True)
class Guard:
    """A right that something open depends on. `on_lost` is called once, in the loop, with the error to show; it must not block."""

    viewer: Viewer
    workspace_id: str
    permission: Permission
    on_lost: Callable[[DomainError], None]
    is_lost: bool = field(default=False, init=False)

    @property
    def membership_key(self) -> MembershipKey:
        return (self.workspace_id, self.viewer.user_id)

    def judge(self, role: Role | None) -> None:
        """Tell if `role` does not suffice."""
        error = missing(self.permission, role, self.viewer)
        if error and not self.is_lost:
            self.is_lost = True
            self.on_lost(error)


def missing(permission: Permission, role: Role | None, viewer: Viewer) -> DomainError | None:
    """The error for a viewer who had access, and no longer has the right."""
    decision = decide(permission, AccessFacts(role, viewer.scopes))
    if decision.denial is Denial.NOT_FOUND:
        return Forbidden("You are no longer a member of this workspace.")
    return None if decision.is_allowed else Forbidden(decision.message)
