"""Measures preparing the search for a session's secrets, and masking 64 KiB of output (docs/adr/0018-pattern-search.md).

Run `python -m benchmarks.bench_masking`. Times are of one processor.
"""

import statistics
from time import process_time

from services.secrets.masking import Mask, forms

ROUNDS = 20
PIECE_BYTES = 1 << 16
LINE = b"line of text with words 12345\n"
CASES: dict[str, tuple[list[str], bytes]] = {
    "20 short secrets": ([f"secret-token-{number}-abcdefghij" for number in range(20)], LINE),
    "the same, one in each line": ([f"secret-token-{number}-abcdefghij" for number in range(20)], b"key secret-token-7-abcdefghij\n"),
    "100 secrets of 32 KiB": ([f"{number:05}" * 6500 for number in range(100)], LINE),
    "25 long secrets of one letter": (["a" * (32000 - number) + "b" for number in range(25)], b"a"),
    "25 secrets of 3000 lines": (["\n".join(f"{a:03}{b:05}" for b in range(3000)) for a in range(25)], b"01234567\n"),
}


def measure(secrets: list[str], data: bytes) -> tuple[float, float]:
    """Returns the CPU seconds of making a mask, and the median CPU seconds of masking `data`."""
    patterns = forms(secrets)
    began = process_time()
    mask = Mask(patterns)
    made = process_time() - began
    pieces = []
    for _ in range(ROUNDS):
        began = process_time()
        mask.feed(data)
        pieces.append(process_time() - began)
    return made, statistics.median(pieces)


def main() -> None:
    for name, (secrets, line) in CASES.items():
        data = (line * (PIECE_BYTES // len(line) + 1))[:PIECE_BYTES]
        made, fed = measure(secrets, data)
        print(f"{name:32} prepared in {made * 1000:7.2f} ms, 64 KiB masked in {fed * 1000:7.3f} ms")


if __name__ == "__main__":
    main()
