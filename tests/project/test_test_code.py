"""Rules that the code of tests and benchmarks keeps."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project.conftest import ROOT

PUBLIC_WITH_UNDERSCORE = {"_asdict", "_exit", "_fields", "_make", "_replace"}
"""Documented names of named tuples and of `os`, which only look private."""
VAGUE_NAMES = {"given", "found", "place", "told", "wanted", "house"}
"""Words that say nothing of what they name: a request, a row, a cursor, an answer."""


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


def private_names(node: ast.AST) -> list[str]:
    """Returns the private names of something else's that a node reads, replaces or imports."""
    if isinstance(node, ast.Attribute) and not _is_own(node.value):
        return [name for name in [node.attr] if is_private(name)]
    if isinstance(node, ast.ImportFrom):
        return [alias.name for alias in node.names if is_private(alias.name)]
    if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in {"getattr", "setattr", "delattr", "patch", "object"}:
        texts = [argument.value for argument in node.args if isinstance(argument, ast.Constant) and isinstance(argument.value, str)]
        return [text for text in texts if is_private(text.rpartition(".")[2])]
    return []


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in PUBLIC_WITH_UNDERSCORE


def _is_own(owner: ast.expr) -> bool:
    return ast.unparse(owner) in {"self", "cls", "super()"}


def test_private_names_are_left_alone() -> None:
    """Tests go through what the code offers to others; where that is too little, the code offers more."""
    uses = [f"{path}:{node.lineno} uses {name}" for path, tree in modules() for node in ast.walk(tree) for name in private_names(node)]  # type: ignore[attr-defined]
    assert uses == []


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("broker._streams", ["_streams"]),
        ("setattr(Database, '_commit', slowly)", ["_commit"]),
        ("monkeypatch.setattr('services.store.outbox._append', fail)", ["services.store.outbox._append"]),
        ("from services.store.migrate import _upgrade", ["_upgrade"]),
        ("self._rows", []),
        ("row._asdict()", []),
        ("value.__class__", []),
    ],
)
def test_the_rule_recognises_private_names(code: str, names: list[str]) -> None:
    assert [name for node in ast.walk(ast.parse(code)) for name in private_names(node)] == names


def defined_names(node: ast.AST) -> list[str]:
    """Returns the names that a node gives to values, functions and parameters."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()) | ast.arg(arg=name):
            return [name]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
    return []


def test_names_say_what_they_name() -> None:
    vague = [
        f"{path}:{node.lineno} defines {name}"  # type: ignore[attr-defined]
        for path, tree in modules()
        for node in ast.walk(tree)
        for name in defined_names(node)
        if name in VAGUE_NAMES
    ]
    assert vague == []


def test_no_test_has_a_condition_of_its_own_to_be_skipped() -> None:
    """What a machine may lack is in tests/needs.py, so that CI can require it."""
    skips = {"skip", "skipif", "importorskip", "xfail"}
    conditions = [
        f"{path}:{node.lineno} has pytest's {node.attr}"
        for path, tree in modules()
        if path.name not in {"needs.py", "test_needs.py"}
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in skips and "pytest" in ast.unparse(node)
    ]
    assert conditions == []
