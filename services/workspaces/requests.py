"""The requests that change settings and limits. UNSET keeps the present value, None is the default, or no limit."""

from dataclasses import dataclass, fields
from typing import Any

from services.domain.unset import UNSET, Maybe


@dataclass(frozen=True, slots=True)
class LimitChanges:
    """New limits on the sessions, cores, MiB and GPUs at a time."""

    max_sessions: Maybe[int | None] = UNSET
    max_cpu: Maybe[float | None] = UNSET
    max_memory_mib: Maybe[int | None] = UNSET
    max_gpu: Maybe[int | None] = UNSET

    @property
    def values(self) -> dict[str, Any]:
        """The new values by field."""
        present = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in present.items() if value is not UNSET}


@dataclass(frozen=True, slots=True)
class SettingsChanges(LimitChanges):
    """New settings of a workspace."""

    lifespan_hours: Maybe[int | None] = UNSET
    idle_minutes: Maybe[int | None] = UNSET
    checkpoint_interval_seconds: Maybe[int | None] = UNSET
    kept_checkpoints: Maybe[int | None] = UNSET
    studios_enabled: Maybe[bool] = UNSET


@dataclass(frozen=True, slots=True)
class UpdateWorkspaceSettingsRequest:
    workspace_id: str
    changes: SettingsChanges
    idempotency_key: str | None = None
