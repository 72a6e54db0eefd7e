"""Rules that the code of tests and benchmarks keeps."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.project.conftest import ROOT


def modules() -> Iterator[tuple[Path, ast.Module]]:
    """Yields each module of tests and benchmarks, with its syntax tree."""
    for folder in ("tests", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT), ast.parse(path.read_text())


def imported_modules(node: ast.AST) -> list[str]:
    """Returns the dotted names that an import statement may load; empty for any other node."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module or ''}.{alias.name}" for alias in node.names]
    return []


def is_test_module(name: str) -> bool:
    """Returns whether a dotted name leads into a module of tests: `tests.read.test_logs` and whatever is in it."""
    return name.startswith("tests.") and any(
        (ROOT / Path(*name.split(".")[:end])).with_suffix(".py").is_file() for end in _test_parts(name)
    )


def _test_parts(name: str) -> list[int]:
    return [number for number, part in enumerate(name.split("."), start=1) if part.startswith("test_")]


def test_nothing_is_imported_from_a_module_of_tests() -> None:
    """What several test modules use has a module of its own, named after what it is."""
    imports = [
        f"{path}:{node.lineno} imports {name}"
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in imported_modules(node)
        if is_test_module(name)
    ]
    assert imports == []


def test_the_rule_recognises_a_module_of_tests() -> None:
    assert is_test_module("tests.read.test_logs.studio_with")
    assert not is_test_module("tests.stored_output.store_output")
