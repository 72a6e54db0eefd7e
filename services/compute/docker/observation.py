"""Translates the engine's description of a container into an Observation."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from services.compute.docker import env_vars
from services.compute.protocol import ComputeUnknown, Observation, Presence

SIGKILL_EXIT_CODE = 137
"""128 + SIGKILL: the exit code of a process that the kernel killed for lack of memory, or that anybody else killed."""
ZERO_TIME = "0001-01-01"
RUNNING_STATES = ("running", "paused", "restarting")
"""The states of a container whose processes exist. A commit pauses it, and so may people."""
ENDED_STATES = ("exited", "dead")
MICROSECONDS = re.compile(r"(\.\d{1,6})\d*")


def observation(container: Mapping[str, Any]) -> Observation:
    """Returns the observation for an inspected container. Raises ComputeUnknown for a transitional state, as while it is being removed."""
    state = container["State"]
    status = state["Status"]
    if status in RUNNING_STATES:
        return Observation(Presence.RUNNING, message="The session is paused." if status == "paused" else None)
    if status == "created":
        return Observation(Presence.CREATED, message=state.get("Error") or None)
    if status not in ENDED_STATES:
        raise ComputeUnknown(f"the session's container is in the state {status!r}")
    message, memory = state.get("Error") or None, out_of_memory(state)
    unprepared = state["ExitCode"] == env_vars.NOT_LOADED_EXIT_CODE
    return Observation(Presence.EXITED, state["ExitCode"], memory, time(state["FinishedAt"]), message, unprepared)


def out_of_memory(state: Mapping[str, Any]) -> bool:
    """Returns whether memory ran out. The engine also sets its flag for a child: the main process must have got SIGKILL (B17)."""
    return bool(state["OOMKilled"]) and state["ExitCode"] == SIGKILL_EXIT_CODE


def time(text: str) -> datetime | None:
    """Parses a time of the engine, which has nanoseconds; None for its zero time."""
    if text.startswith(ZERO_TIME):
        return None
    return datetime.fromisoformat(MICROSECONDS.sub(r"\1", text).replace("Z", "+00:00")).astimezone(UTC)
