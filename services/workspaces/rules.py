"""Validates settings of workspaces, and limits of what sessions hold (B13, B18, B93)."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.domain.limits import (
    MAX_CHECKPOINT_INTERVAL_SECONDS,
    MAX_IDLE_MINUTES,
    MAX_KEPT_CHECKPOINTS,
    MAX_LIFESPAN_HOURS,
    MAX_QUOTA,
    MIN_CHECKPOINT_INTERVAL_SECONDS,
)
from services.domain.problems import Problems
from services.workspaces.requests import LimitChanges


@dataclass(frozen=True, slots=True)
class SettingRange:
    """What a setting may be, besides null: 0, or `least` to `most`. `zero` says what 0 means."""

    noun: str
    least: float
    most: float
    unit: str
    zero: str

    def allows(self, value: float) -> bool:
        """Returns whether the setting may have this value. False for what is no number."""
        return value == 0 or self.least <= value <= self.most

    @property
    def message(self) -> str:
        return f"{self.noun} must be {self.least:,g} to {self.most:,.0f} {self.unit}, or 0 for {self.zero}."


RANGES: Mapping[str, SettingRange] = {
    "lifespan_hours": SettingRange("A lifespan", 1, MAX_LIFESPAN_HOURS, "hours", "no limit"),
    "idle_minutes": SettingRange("An idle limit", 1, MAX_IDLE_MINUTES, "minutes", "none"),
    "checkpoint_interval_seconds": SettingRange(
        "A checkpoint interval", MIN_CHECKPOINT_INTERVAL_SECONDS, MAX_CHECKPOINT_INTERVAL_SECONDS, "seconds", "no periodic saves"
    ),
    "kept_checkpoints": SettingRange("The number of kept checkpoints", 1, MAX_KEPT_CHECKPOINTS, "checkpoints", "all"),
    "max_sessions": SettingRange("A limit of sessions", 1, MAX_QUOTA, "sessions", "none"),
    "max_cpu": SettingRange("A limit of cores", 0.01, MAX_QUOTA, "cores", "none"),
    "max_memory_mib": SettingRange("A limit of memory", 1, MAX_QUOTA, "MiB", "none"),
    "max_gpu": SettingRange("A limit of GPUs", 1, MAX_QUOTA, "GPUs", "none"),
}


def check_changes(changes: LimitChanges) -> None:
    """Raises InvalidInput with all values that are out of range."""
    problems = Problems()
    for name, value in changes.values.items():
        if name in RANGES and value is not None and not RANGES[name].allows(value):
            problems.add(name, "RANGE", RANGES[name].message)
    problems.raise_any()
