"""The actor of an event or operation: a user, or the system with a cause."""

from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Actor:
    """A user or a cause, copied by value, so that renaming or removing a user does not change past events.

    Exactly one of `user_id` and `cause` is set. Causes are stable words such as `lifespan`, `process-exit`, `reconcile`.
    """

    user_id: str | None = None
    name: str | None = None
    cause: str | None = None

    @classmethod
    def user(cls, user_id: str, name: str) -> Self:
        return cls(user_id=user_id, name=name)

    @classmethod
    def system(cls, cause: str) -> Self:
        return cls(cause=cause)

    def to_json(self) -> dict[str, Any]:
        return {"user_id": self.user_id, "name": self.name, "cause": self.cause}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        return cls(**data)
