"""The texts of status messages."""

from datetime import timedelta

import pytest

from services.controller.error_text import duration_text


@pytest.mark.parametrize(("seconds", "text"), [(600, "10 min"), (60, "1 min"), (90, "90 s"), (2, "2 s"), (0.4, "0.4 s")])
def test_a_duration_is_in_whole_minutes_or_in_seconds(seconds: float, text: str) -> None:
    assert duration_text(timedelta(seconds=seconds)) == text
