"""What the engine says of a container, as an Observation."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from services.compute.docker import env_vars
from services.compute.protocol import ComputeUnknown, Observation, Presence

SIGKILL_EXIT_CODE = 137
"""128 + SIGKILL: the kernel's end of a process without memory, and also everybody else's."""
ZERO_TIME = "0001-01-01"
RUNNING = ("running", "paused", "restarting")
"""A commit pauses the container; people may, too. Its processes are there."""
ENDED = ("exited", "dead")
MICROSECONDS = re.compile(r"(\.\d{1,6})\d*")


def observation(container: Mapping[str, Any]) -> Observation:
    """From `docker inspect`. Raises ComputeUnknown in between, as while it is being removed."""
    state = container["State"]
    status = state["Status"]
    if status in RUNNING:
        return Observation(Presence.RUNNING, message="The session is paused." if status == "paused" else None)
    if status == "created":
        return Observation(Presence.CREATED, message=state.get("Error") or None)
    if status not in ENDED:
        raise ComputeUnknown(f"the session's container is in the state {status!r}")
    message, memory = state.get("Error") or None, out_of_memory(state)
    unprepared = state["ExitCode"] == env_vars.NOT_LOADED
    return Observation(Presence.EXITED, state["ExitCode"], memory, time(state["FinishedAt"]), message, unprepared)


def out_of_memory(state: Mapping[str, Any]) -> bool:
    """The engine's flag also stands when only a child was killed: the main process must have ended by SIGKILL as well (B17)."""
    return bool(state["OOMKilled"]) and state["ExitCode"] == SIGKILL_EXIT_CODE


def time(text: str) -> datetime | None:
    """The engine's times have nanoseconds."""
    if text.startswith(ZERO_TIME):
        return None
    return datetime.fromisoformat(MICROSECONDS.sub(r"\1", text).replace("Z", "+00:00")).astimezone(UTC)
