"""How often a test that waits for bad luck tries its own: a few times in `make test`, `STUDIOGRAPH_SOAK` times in `make soak`."""

import os


def rounds(few: int) -> int:
    """`few`, unless more were asked for."""
    return int(os.environ.get("STUDIOGRAPH_SOAK") or few)
