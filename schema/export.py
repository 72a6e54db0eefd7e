"""Writes schema.graphql beside the packages, or checks whether it is current: `python -m schema.export [--check]`."""

import sys
from pathlib import Path

from schema.build import build_schema

PATH = Path(__file__).resolve().parent.parent / "schema.graphql"


def printed() -> str:
    """Returns the schema as text, sorted, so that differences show changes only."""
    return f"{build_schema(for_export=True).as_str().strip()}\n"


def main(arguments: list[str]) -> int:
    """Returns the exit code: 0 if the file was written or is current, 1 if it is stale."""
    text = printed()
    if "--check" not in arguments:
        PATH.write_text(text, encoding="utf-8")
        return 0
    if PATH.exists() and PATH.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write("schema.graphql is stale: run `make schema` and commit it.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
