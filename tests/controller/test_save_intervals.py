"""The time between periodic saves, which grows with what they cost."""

from datetime import timedelta

import pytest

from services.compute.protocol import Saved
from services.controller.lifecycle.session_save import stretched

INTERVAL = timedelta(minutes=5)


@pytest.mark.behaviour("B34")
@pytest.mark.parametrize(
    ("took", "pause", "expected"),
    [(1, 0.1, 300), (1, 10, 500), (100, 0.1, 400), (10, None, 500)],
    ids=["cheap", "long pause", "long save", "failed"],
)
def test_pauses_stay_under_two_percent_of_the_time(took: int, pause: float | None, expected: int) -> None:
    saved = None if pause is None else Saved("reference", "digest", 1, pause_seconds=pause)
    assert stretched(INTERVAL, timedelta(seconds=took), saved) == timedelta(seconds=expected)
