"""Secrets in output that comes in pieces: none is shown, and nothing else is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.masking import Mask, forms, masked

pytestmark = [pytest.mark.behaviour("B16"), pytest.mark.behaviour("B84")]
SECRETS = st.lists(st.text("ab\n", min_size=1, max_size=8), min_size=1, max_size=3)


def pieces_of(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [*pieces, data]


def shown(mask: Mask, pieces: list[bytes]) -> bytes:
    return b"".join(mask.feed(piece) for piece in pieces)


@given(SECRETS, st.text("abc\n", max_size=60), st.lists(st.integers(0, 9)))
def test_however_output_is_cut_it_is_masked_like_the_whole(secrets: list[str], text: str, sizes: list[int]) -> None:
    mask = Mask(forms(secrets))
    end = "."  # nothing that a secret could go on with
    assert shown(mask, pieces_of((text + end).encode(), sizes)).decode() == masked(text + end, forms(secrets))
    assert mask.held == 0


@given(st.binary(max_size=60), st.lists(st.integers(0, 9)), st.lists(st.text(min_size=1, max_size=3), min_size=1))
def test_bytes_that_are_no_text_come_through(data: bytes, sizes: list[int], beginnings: list[str]) -> None:
    mask = Mask(forms([beginning + "that is not in it" for beginning in beginnings]))
    assert shown(mask, pieces_of(data, sizes)) == data[: len(data) - mask.held]


@given(st.integers(0, 23), st.integers(0, 23))
def test_no_part_of_a_secret_shows_after_a_skip_or_a_pause(first: int, second: int) -> None:
    secret = "correct-horse-battery"
    text = f"<{secret}>".encode()
    at, until = sorted((first, second))
    mask = Mask(forms([secret]))
    seen = mask.feed(text[:at])
    mask.skip(text[at:until])
    seen += mask.feed(text[until:])
    assert not any(secret[begin : begin + 4].encode() in seen for begin in range(len(secret) - 3))
    mask = Mask(forms([secret]))
    seen = mask.feed(text[:at]) + mask.release() + mask.feed(text[at:]) + mask.release(at_end=True)
    assert seen.count("…".encode()) == 1
    assert not any(secret[begin : begin + 4].encode() in seen for begin in range(len(secret) - 3))


def test_a_few_bytes_are_shown_after_a_pause_and_more_not() -> None:
    mask = Mask(forms(["correct-horse"]))
    assert (mask.feed(b"name: cor"), mask.release(), mask.feed(b"onation\n")) == (b"name: ", b"cor", b"onation\n")
    assert (mask.feed(b"name: correct-"), mask.release(), mask.held) == (b"name: ", b"", 8)
    assert mask.feed(b"ion\n") == b"correct-ion\n"
    assert (mask.feed(b"correct-"), mask.release(at_end=True)) == (b"", "…".encode())


def test_without_secrets_all_is_shown_at_once() -> None:
    assert (Mask([]).feed(b"\xff"), Mask([]).release(at_end=True)) == (b"\xff", b"")
