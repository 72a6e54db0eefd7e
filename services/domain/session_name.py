"""The name of one session's resources, fixed before anything is created, so that adoption after a crash is a look-up."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionName:
    """The parts of the names of a session's resources. `installation` distinguishes servers on one engine; `number` counts from 1."""

    installation: str
    studio_id: str
    public_id: str
    number: int

    def __str__(self) -> str:
        return f"sg-{self.installation[:8]}-{self.public_id}-{self.number}"
