"""Checks that a Studio's status allows a command."""

from services.domain.errors import NotAllowedNow
from services.domain.lifecycle import REPEATS, Action, status_refusal
from services.store.studios import StudioState


def require_status(studio: StudioState, action: Action) -> None:
    """Raises NotAllowedNow unless the Studio's status allows the action."""
    refusal = status_refusal(studio.status, action)
    if refusal is not None:
        raise NotAllowedNow(refusal, status=studio.status.value)


def is_repeat(studio: StudioState, action: Action) -> bool:
    """Returns whether the action has happened already, so that its command succeeds and changes nothing (B12)."""
    return studio.status in REPEATS[action]
