"""A short document that expands to an enormous one."""


def fragment_bomb(fragments: int) -> str:
    """Each fragment spreads the next twice: 2 to the power of `fragments` fields."""
    chain = "".join(f"fragment F{n} on Person{{...F{n + 1} ...F{n + 1}}}" for n in range(fragments))
    return f"{{me{{...F0}}}}{chain}fragment F{fragments} on Person{{name}}"
