"""The last line of a stream as a terminal shows it. Earlier lines cannot change, so that a long stream costs no more than a short one."""


class TerminalLine:
    r"""Applies `\b`, `\r` and `\n` as JupyterLab does in a tab."""

    def __init__(self) -> None:
        self._shown: list[str] = []
        self._cursor = 0

    def write(self, text: str) -> tuple[str, str]:
        """Returns the end of the line shown so far that is replaced, and the text that replaces it."""
        if self._cursor == len(self._shown) and text.isprintable():
            self._overwrite(text)
            return "", text
        before, after = "".join(self._shown), []
        *complete, last = text.split("\n")
        for line in complete:
            self._overwrite(line)
            after += [*self._shown, "\n"]
            self._shown, self._cursor = [], 0
        self._overwrite(last)
        now = "".join([*after, *self._shown])
        shorter = min(len(before), len(now))
        same = next((index for index in range(shorter) if before[index] != now[index]), shorter)
        return before[same:], now[same:]

    def _overwrite(self, text: str) -> None:
        for char in text:
            if char == "\r":
                self._cursor = 0
            elif char == "\b":
                if self._cursor:
                    self._cursor -= 1
                    del self._shown[self._cursor]
            else:
                self._shown[self._cursor : self._cursor + 1] = [char]
                self._cursor += 1
