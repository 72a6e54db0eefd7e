"""Every function that opens a transaction which writes: how it is run in a test, for `tests.store.test_writer_pairs`.

A site is `module:function` or `module:Class.method`. Which there are is found by inspection.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.store.interleaving import Writer

ROOT = Path(__file__).parents[2]


@dataclass(slots=True)
class Writers:
    """The writers of a module by name, and the sites that they run."""

    by_name: dict[str, Writer] = field(default_factory=dict)
    sites: set[str] = field(default_factory=set)

    def runs(self, *sites: str) -> Callable[[Writer], Writer]:
        """Registers the decorated writer, which runs these sites, or the same statements as they do."""
        self.sites.update(sites)

        def register(writer: Writer) -> Writer:
            self.by_name[writer.__name__] = writer
            return writer

        return register


def transaction_sites() -> set[str]:
    """All functions of `services` that open a transaction which writes, themselves or through the command runner or a claim."""
    return {site for path in (ROOT / "services").rglob("*.py") for site in _sites_of(path)}


def _sites_of(path: Path) -> Iterator[str]:
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            functions = [(f"{node.name}.{each.name}", each) for each in node.body if isinstance(each, ast.AsyncFunctionDef)]
        else:
            functions = [(node.name, node)] if isinstance(node, ast.AsyncFunctionDef) else []
        for name, function in functions:
            if any(isinstance(call, ast.Call) and _opens_transaction(call.func) for call in ast.walk(function)):
                yield f"{module}:{name}"


def _opens_transaction(function: ast.expr) -> bool:
    if isinstance(function, ast.Name):
        return function.id == "stream_transaction"
    if not isinstance(function, ast.Attribute):
        return False
    owner = ast.unparse(function.value)
    return (
        function.attr == "stream_transaction"
        or (function.attr == "write" and owner.endswith("database"))
        or (function.attr in {"run", "run_for_operator"} and owner.endswith("runner"))
        or (function.attr == "result" and owner in {"claim", "self"})
    )
