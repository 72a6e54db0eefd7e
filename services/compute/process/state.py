"""Determines a session's state from the keeper's `state.json` and the processes that exist."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from services.compute.process.data_directory import SessionDirectory
from services.compute.process.procfs import Identity, boot_id, kill, marked
from services.compute.protocol import ComputeUnknown, Observation, Presence

LOST_MESSAGE = "The process that kept the session was killed or the machine was restarted; how the tool ended is not known."


@dataclass(frozen=True, slots=True)
class State:
    """The content of `state.json`."""

    boot: str
    keeper: Identity
    tool: Identity
    exited: dict[str, Any] | None

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Returns the state; None if the session was never started. Raises ComputeUnknown if it cannot be read."""
        try:
            data = json.loads(path.read_text())
            return cls(data["boot"], Identity(*data["keeper"]), Identity(*data["tool"]), data["exited"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ComputeUnknown(f"The session's record {path} cannot be read: {error}") from error

    @property
    def has_keeper(self) -> bool:
        """Whether the session's keeper runs."""
        return self.exited is None and self.boot == boot_id() and self.keeper.alive()

    def observation(self) -> Observation:
        if self.has_keeper:
            return Observation(Presence.RUNNING)
        if self.exited is None:
            return Observation(Presence.EXITED, message=LOST_MESSAGE)
        end = self.exited
        return Observation(
            Presence.EXITED, end["code"], end["out_of_memory"], datetime.fromtimestamp(end["at"], UTC), message=end["message"]
        )


def observe(directory: SessionDirectory) -> Observation:
    """Returns the observation. A session without its keeper counts as exited, once none of its processes is left. Raises ComputeUnknown."""
    session_record = directory.session_record()
    if session_record is None:
        return Observation(Presence.ABSENT)
    state = State.read(directory.state)
    if state is None:
        return Observation(Presence.CREATED)
    observation = state.observation()
    if observation.message == LOST_MESSAGE:
        state = State.read(directory.state)  # the keeper may have written its last state just before it ended
        assert state is not None
        observation = state.observation()
    if observation.message == LOST_MESSAGE and not end_orphans(session_record.marker):
        raise ComputeUnknown("Processes of the session are left over and do not end.")
    return observation


def end_orphans(marker: str, rounds: int = 50) -> bool:
    """Kills the processes that a killed keeper left, found by their marker. Returns False if one is still there."""
    for _ in range(rounds):
        processes = marked(marker)
        if not processes:
            return True
        for identity in processes:
            kill(identity)
    return False
