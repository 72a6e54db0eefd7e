"""Secrets in output that comes in pieces: none is shown, and nothing else is lost."""

import re
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.secrets.masking import Mask, forms, masked

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


@given(SECRETS, st.text("abc\n", max_size=60), st.integers(0, 9))
def test_what_comes_first_is_masked_and_the_longest_of_it(secrets: list[str], text: str, skip: int) -> None:
    any_form = "|".join(map(re.escape, forms(secrets))) or "(?!)"
    if skip == 0:
        assert masked(text, forms(secrets)) == re.sub(any_form, "…", text)
    else:
        ends = max([skip, *(match.end() for match in re.finditer(any_form, text) if match.start() < skip)])
        dots = "…" if ends > skip else ""
        assert masked(text, forms(secrets), skip) == dots + re.sub(any_form, "…", text[ends:])


@pytest.mark.parametrize("url", ["a%2Fb%20c%2B%28%29", "a/b%20c%2B%28%29", "a%2Fb+c%2B%28%29", "a/b+c%2B%28%29", "a%2Fb%20c%2B()"])
def test_it_is_masked_as_the_parts_of_urls_are_written(url: str) -> None:
    assert masked(f"GET /{url}?", forms(["a/b c+()"])) == "GET /…?"


HARD = {
    "long": ([f"{number:05}" * 6500 for number in range(100)], b"line of text with words 12345\n" * 2200),
    "alike": (["a" * (32000 - number) + "b" for number in range(25)], b"a" * 65536),
    "of one beginning": ([f"{'A' * 40}{number:05}" * 700 for number in range(100)], b"A" * 65536),
    "of many lines": (["\n".join(f"{a:03}{b:05}" for b in range(3000)) for a in range(25)], b"01234567\n" * 7200),
}


@pytest.mark.parametrize("name", HARD)
def test_neither_long_secrets_nor_text_made_to_be_slow_hold_up_the_server(name: str) -> None:
    secrets, data = HARD[name]
    secret_forms = forms(secrets)
    began = process_time()
    mask = Mask(secret_forms)
    for _ in range(2):
        mask.feed(data)
    assert process_time() - began < 1.0  # a regular expression of them took 5 s and more


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
