"""Our top-level names are common words (a package called `schema` exists): each must be ours."""

import importlib.util
from pathlib import Path

import pytest

from tests.project.conftest import ROOT


@pytest.mark.parametrize("name", ["studiograph", "schema", "resolvers", "connect", "services"])
def test_a_top_level_name_resolves_inside_the_project(name: str) -> None:
    spec = importlib.util.find_spec(name)
    assert spec
    assert spec.origin
    assert Path(spec.origin) == ROOT / name / "__init__.py"
