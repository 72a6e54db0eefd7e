"""Writes the outputs of running cells into the shared notebook, as JupyterLab does in a tab.

jupyter-server-nbmodel has a function of its own for it, which we replace: it clears at once where a cell asks to wait for the next output,
ignores updates of displays, drops an output that equals the one before, and counts characters where a shared text counts bytes, so that
progress bars with characters like █ are mixed up.
"""

from dataclasses import dataclass
from typing import Any

import nbformat
from pycrdt import Array, Map, Text

from studiograph_jupyter.terminal_line import TerminalLine

DISPLAYS = ("display_data", "execute_result", "error")


@dataclass
class Display:
    """An output that has a display id."""

    cell: Map
    index: int
    output: dict[str, Any]

    def update(self, content: dict[str, Any]) -> None:
        """Replaces data and metadata, unless the output is no longer where it was written."""
        outputs = self.cell.get("outputs")
        if outputs is None or self.index >= len(outputs) or outputs[self.index] != self.output:
            return
        self.output = {**self.output, "data": content["data"], "metadata": content["metadata"]}
        following = [_copy(output) for output in outputs][self.index + 1 :]
        del outputs[self.index :]  # and write again what follows: a tab shows an inserted output as the last one
        outputs.extend([self.output, *following])


class Displays:
    """The outputs of one kernel that have a display id; any cell may update those of another."""

    def __init__(self) -> None:
        self._by_id: dict[str, list[Display]] = {}

    def add(self, display_id: str, display: Display) -> None:
        self._by_id.setdefault(display_id, []).append(display)

    def update(self, display_id: str, content: dict[str, Any]) -> None:
        for display in self._by_id.get(display_id, ()):
            display.update(content)

    def forget(self, cell: Map) -> None:
        """Forgets the displays of a cell whose outputs are cleared."""
        cell_id = cell["id"]
        kept = {key: [display for display in displays if display.cell.get("id") != cell_id] for key, displays in self._by_id.items()}
        self._by_id = {key: displays for key, displays in kept.items() if displays}


class CellOutputs:
    """Writes the output messages of one execution into its cell. An output is written in one transaction, so that no tab sees a part."""

    def __init__(self, cell: Map, displays: Displays) -> None:
        self.cell_id: str = cell["id"]
        self._cell = cell
        self._displays = displays
        self._clear_before_next = False
        self._stream_name = ""
        self._line = TerminalLine()
        displays.forget(cell)

    def handle(self, message: dict[str, Any]) -> None:
        kind, content = message["header"]["msg_type"], message["content"]
        if self._cell.get("outputs") is None:  # the cell was deleted meanwhile
            return
        with self._cell.doc.transaction():
            if kind == "stream":
                self._clear_if_asked()
                self._write(content["name"], content["text"].encode(errors="replace").decode())
            elif kind in DISPLAYS:
                self._clear_if_asked()
                self._append(message)
            elif kind == "update_display_data":
                self._displays.update(content["transient"]["display_id"], content)
            elif kind == "clear_output":
                self._clear_before_next = True
                if not content["wait"]:
                    self._clear_if_asked()

    @property
    def _outputs(self) -> Array:
        return self._cell["outputs"]

    def _clear_if_asked(self) -> None:
        if self._clear_before_next:
            self._clear_before_next = False
            self._displays.forget(self._cell)
            self._outputs.clear()

    def _append(self, message: dict[str, Any]) -> None:
        output = dict(nbformat.v4.output_from_msg(message))
        display_id = message["content"].get("transient", {}).get("display_id")
        if display_id is not None:
            self._displays.update(display_id, message["content"])
            self._displays.add(display_id, Display(self._cell, len(self._outputs), output))
        self._outputs.append(output)

    def _write(self, name: str, text: str) -> None:
        """Continues the last output if it is of the same stream, else appends one."""
        last = self._outputs[-1] if len(self._outputs) else None
        if isinstance(last, Map) and last.get("name") == name and name == self._stream_name:
            _continue(last["text"], *self._line.write(text))
        else:
            self._stream_name, self._line = name, TerminalLine()
            self._outputs.append(Map({"output_type": "stream", "name": name, "text": Text(self._line.write(text)[1])}))


def _copy(output: Any) -> Any:
    """Returns the output as one that can be written again; those of streams have a text that is shared."""
    if not isinstance(output, Map):
        return output
    plain = output.to_py()
    return Map({**plain, "text": Text(plain["text"])} if "text" in plain else plain)


def _continue(shown: Text, replaced: str, text: str) -> None:
    """Replaces the end of a shared text. Its positions count bytes of UTF-8."""
    if replaced:
        del shown[len(shown) - len(replaced.encode()) :]
    if text:
        shown += text
