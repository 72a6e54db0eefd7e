"""The forms of the values of templates (B71)."""

import pytest

from services.domain.image_reference import is_image_reference
from services.domain.limits import MAX_ICON_DATA_LENGTH
from services.domain.problems import Problems
from services.domain.statuses import Tool
from services.templates.validation import check_values


def codes(tool: Tool = Tool.JUPYTERLAB, *, allows_commands: bool = False, **values: object) -> list[str]:
    problems = Problems()
    check_values(problems, tool, values, allows_commands=allows_commands)
    return [problem.code for problem in problems.items]


@pytest.mark.parametrize(
    "text",
    [
        "marimo",
        "marimo:0.14",
        "example/marimo:0.14",
        "registry.example.org/lab/marimo:0.14",
        "localhost:5000/marimo",
        "registry.example.org:5000/a/b__c/d--e:latest",
        "marimo@sha256:" + "0" * 64,
        "registry.example.org/marimo:1@sha256:" + "a" * 64,
    ],
)
def test_these_are_references_to_images(text: str) -> None:
    assert is_image_reference(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Marimo",
        "a b",
        "a//b",
        "/a",
        "a/",
        "a:",
        "a:b:c",
        "a:-b",
        "a@sha256:1",
        "a@md5:" + "0" * 32,
        "../a",
        "http://example.org/a",
        "a\n",
        "-a",
        "registry.example.org:x/a",
        "é",
        "a:" + "b" * 129,
    ],
)
def test_these_are_no_references(text: str) -> None:
    assert not is_image_reference(text)


@pytest.mark.behaviour("B71")
@pytest.mark.parametrize("url", ["https://example.org/icon.png", "https://example.org:8443/i?v=1", "data:image/png;base64,iVBORw0KGgo="])
def test_an_icon_is_an_https_or_data_url(url: str) -> None:
    assert codes(icon_url=url) == []


@pytest.mark.behaviour("B71")
@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://example.org/icon.png",
        "javascript:alert(1)",
        "https://",
        "https://user:password@example.org/icon.png",
        "https://example.org/a b",
        "https://example.org:99999/",
        "data:text/html;base64,PHA+",
        "data:image/png,raw",
        "data:image/png;base64," + "A" * MAX_ICON_DATA_LENGTH,
        "https://example.org/" + "a" * 2048,
    ],
)
def test_an_icon_is_nothing_else(url: str) -> None:
    assert codes(icon_url=url) == ["URL"]


@pytest.mark.parametrize(("port", "expected"), [(0, ["RANGE"]), (1, []), (65535, []), (65536, ["RANGE"])])
def test_a_port_is_one_of_tcp(port: int, expected: list[str]) -> None:
    assert codes(port=port) == expected


@pytest.mark.parametrize("path", ["", "lab", "/a b", "/#a", "/\n", "/é", "/" + "a" * 512])
def test_a_ready_path_is_the_path_of_a_url(path: str) -> None:
    assert codes(ready_path=path) == ["PATH"]


def test_a_command_line_is_for_custom_templates_of_the_operator() -> None:
    command = "python -m http.server"
    assert codes(Tool.CUSTOM, allows_commands=True, image=command) == []
    assert codes(Tool.CUSTOM, image=command) == ["REFERENCE"]
    assert codes(Tool.JUPYTERLAB, allows_commands=True, image=command) == ["REFERENCE"]
    assert codes(Tool.CUSTOM, allows_commands=True, image="python 'unclosed") == ["REFERENCE"]
    assert codes(image="a" * 513) == ["LENGTH"]
