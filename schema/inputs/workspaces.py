"""The inputs of mutations of workspaces."""

import strawberry

from schema.inputs.configuration import nullable
from schema.inputs.fields import decode, idempotency_key
from services.domain.limits import (
    MAX_CHECKPOINT_INTERVAL_SECONDS,
    MAX_IDLE_MINUTES,
    MAX_KEPT_CHECKPOINTS,
    MAX_LIFESPAN_HOURS,
    MIN_CHECKPOINT_INTERVAL_SECONDS,
)
from services.domain.unset import UNSET
from services.workspaces.requests import SettingsChanges, UpdateWorkspaceSettingsRequest

KEPT = "If omitted, the present value stays."
NO_LIMIT = f"{KEPT} 0 lets nothing start that needs the resource; null means no limit."


@strawberry.input(description="The input of `updateWorkspaceSettings`: the new values. Fields that are omitted keep their present values.")
class UpdateWorkspaceSettingsInput:
    """B93, B18."""

    workspace_id: strawberry.ID = strawberry.field(description="The id of the workspace.")
    lifespan_hours: strawberry.Maybe[int | None] = strawberry.field(
        description=f"The lifespan of all sessions that start from now on: 1 to {MAX_LIFESPAN_HOURS} hours, or 0 for no limit. {KEPT} "
        "Null lets each Studio have a lifespan of its own."
    )
    idle_minutes: strawberry.Maybe[int | None] = strawberry.field(
        description=f"The minutes without use after which a session is stopped: 1 to {MAX_IDLE_MINUTES}. The idle time of running sessions "
        f"begins again with the change. {KEPT} 0 or null means never."
    )
    checkpoint_interval_seconds: strawberry.Maybe[int | None] = strawberry.field(
        description=f"The seconds between two saves of a running session: {MIN_CHECKPOINT_INTERVAL_SECONDS} to "
        f"{MAX_CHECKPOINT_INTERVAL_SECONDS}, or 0 for no periodic saves. It holds for running sessions, too. {KEPT} Null means the "
        "default of the server."
    )
    kept_checkpoints: strawberry.Maybe[int | None] = strawberry.field(
        description=f"The number of newest checkpoints that each Studio keeps: at most {MAX_KEPT_CHECKPOINTS}. It is applied after the "
        f"next save of each Studio. {KEPT} 0 or null means that all are kept."
    )
    studios_enabled: strawberry.Maybe[bool | None] = strawberry.field(
        description=f"Whether Studios can be added and started. False ends no session. {KEPT} Null means true."
    )
    max_sessions: strawberry.Maybe[int | None] = strawberry.field(description=f"The maximum number of sessions at a time. {NO_LIMIT}")
    max_cpu: strawberry.Maybe[float | None] = strawberry.field(
        description=f"The maximum of CPU cores that sessions hold at a time. {NO_LIMIT}"
    )
    max_memory_mib: strawberry.Maybe[int | None] = strawberry.field(
        name="maxMemoryMiB", description=f"The maximum of memory in MiB that sessions hold at a time. {NO_LIMIT}"
    )
    max_gpu: strawberry.Maybe[int | None] = strawberry.field(description=f"The maximum of GPUs that sessions hold at a time. {NO_LIMIT}")
    idempotency_key: str | None = idempotency_key()

    def request(self) -> UpdateWorkspaceSettingsRequest:
        changes = SettingsChanges(
            lifespan_hours=nullable(self.lifespan_hours),
            idle_minutes=nullable(self.idle_minutes),
            checkpoint_interval_seconds=nullable(self.checkpoint_interval_seconds),
            kept_checkpoints=nullable(self.kept_checkpoints),
            studios_enabled=UNSET if self.studios_enabled is None else self.studios_enabled.value is not False,
            max_sessions=nullable(self.max_sessions),
            max_cpu=nullable(self.max_cpu),
            max_memory_mib=nullable(self.max_memory_mib),
            max_gpu=nullable(self.max_gpu),
        )
        return UpdateWorkspaceSettingsRequest(decode(self.workspace_id, "Workspace", "workspace_id"), changes, self.idempotency_key)
