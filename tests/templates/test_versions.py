"""Versions of tools and of the connect component: their forms, and their order."""

import pytest

from services.domain.versions import ConnectVersion, InvalidVersion, is_tool_version, tool_version_key


@pytest.mark.behaviour("B71")
@pytest.mark.parametrize(
    "text", ["", "1", "0.12", "0.12.1.0", "v0.12.1", "0.12.x", "00.1.0", "0.01.0", "0.1.0 ", "-1.0.0", "0.1.0-rc1", "0.1.1000000"]
)
def test_a_text_that_is_no_connect_version_is_refused(text: str) -> None:
    with pytest.raises(InvalidVersion):
        ConnectVersion.parse(text)


@pytest.mark.behaviour("B71")
def test_connect_versions_are_ordered_by_their_numbers() -> None:
    texts = ["0.2.0", "0.10.0", "0.9.9", "1.0.0", "0.10.1"]
    assert sorted(texts, key=ConnectVersion.parse) == ["0.2.0", "0.9.9", "0.10.0", "0.10.1", "1.0.0"]


@pytest.mark.parametrize("text", ["1", "4.6.6", "2025.04.1", "6.2.0-r2-1", "4.2.5-u1", "4.0rc1", "1.101.2+build.5", "9" * 64])
def test_vendors_write_versions_in_many_forms(text: str) -> None:
    assert is_tool_version(text)


@pytest.mark.parametrize("text", ["", "latest", "v1", ".1", "1.", "1..2", "1 2", "1/2", "1\n", "1é", "9" * 65])
def test_what_does_not_begin_with_a_number_is_no_tool_version(text: str) -> None:
    assert not is_tool_version(text)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("4.6.6", "4.10.0"),
        ("4.6", "4.6.1"),
        ("2024.12.1", "2025.04.1"),
        ("4.0rc1", "4.0"),
        ("4.0a2", "4.0b1"),
        ("4.0-rc.9", "4.0-rc.10"),
        ("4.2.5", "4.2.5-u1"),
        ("6.2.0-r2-1", "6.2.0-r10-1"),
        ("nightly", "1"),
    ],
)
def test_the_newer_of_two_tool_versions(older: str, newer: str) -> None:
    assert tool_version_key(older) < tool_version_key(newer)


def test_zeros_at_the_end_make_no_difference() -> None:
    assert tool_version_key("4.0") == tool_version_key("4") == tool_version_key("4.0.0")
