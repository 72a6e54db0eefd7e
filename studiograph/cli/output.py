"""Prints the results of commands: tables and sentences for people, JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def print_rows(rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Prints a table with the names of the columns, or a list of objects. Prints nothing for people if there are no rows."""
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    if not rows:
        return
    lines = [[name.upper() for name in rows[0]], *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def print_object(values: Mapping[str, Any], *, as_json: bool) -> None:
    """Prints a line for each value, or an object."""
    if as_json:
        print(json.dumps(values, indent=2))
        return
    for name, value in values.items():
        print(f"{name}: {_cell(value)}")


def print_done(sentence: str, values: Mapping[str, Any], *, as_json: bool) -> None:
    """Prints what a command did, or the object that it did it to."""
    print(json.dumps(values) if as_json else sentence)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_cell(each)}" for name, each in value.items()) or "-"
    if isinstance(value, list):
        return ",".join(map(str, value)) or "-"
    return "-" if value in (None, "") else f"{value:g}" if isinstance(value, float) else str(value)
