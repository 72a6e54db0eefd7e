"""The GraphQL documents of the page, the explorer, the demo and the documentation are valid against the schema."""

import re
from pathlib import Path

import pytest
from graphql import parse, validate

from schema.build import build_schema, core_schema
from studiograph.walkthrough import main_job
from tests.project.conftest import ROOT

ASSETS = ROOT / "studiograph/pages/assets"
SCHEMA = core_schema(build_schema())


def _of_script(path: Path) -> dict[str, str]:
    """Returns the template strings of a script by name, with the strings that they insert."""
    texts = dict(re.findall(r"const (\w+) =\s*[`\"](.*?)[`\"];", path.read_text(), re.DOTALL))
    return {name: re.sub(r"\$\{(\w+)\}", lambda match: texts[match[1]], text) for name, text in texts.items()}


def _of_page(path: Path) -> dict[str, str]:
    blocks = re.findall(r"```graphql\n(.*?)```", path.read_text(), re.DOTALL)
    return {f"{path.name} {index}": block for index, block in enumerate(blocks)}


PARTS = ("CARD_FRAGMENT", "EVENT_FRAGMENT", "ERROR_FIELDS", "PROBLEM_FIELDS")
"""The strings of the page's script that other documents insert."""
DOCUMENTS = {
    **{f"page {name}": text for name, text in _of_script(ASSETS / "documents.js").items() if name not in PARTS},
    **{f"explorer {name}": text for name, text in _of_script(ASSETS / "examples.js").items()},
    **_of_page(ROOT / "docs/api.md"),
    **{f"demo {name}": getattr(main_job, name) for name in ("DEMO_WORKSPACE", "EVENTS", "CHECKPOINTS")},
}


def test_there_are_documents_to_check() -> None:
    assert {"page STUDIOS", "page CREATE", "explorer WATCH", "demo EVENTS", "api.md 0"} <= DOCUMENTS.keys()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_fits_the_schema(name: str) -> None:
    assert [error.message for error in validate(SCHEMA, parse(DOCUMENTS[name]))] == []
