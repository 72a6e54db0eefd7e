"""The status of each template follows from all templates of its workspace (B72)."""

from dataclasses import dataclass

import pytest

from services.domain.statuses import TemplateStatus, Tool
from services.domain.template_status import is_supported, newest_connect_version, statuses
from services.domain.versions import ConnectVersion

RECOMMENDED, DEPRECATED, EXPERIMENTAL, UNSUPPORTED = TemplateStatus


@dataclass(frozen=True)
class ExampleTemplate:
    """A template; `tool_version` is its id, too."""

    tool_version: str
    connect_version: str = "0.5.0"
    tool: Tool = Tool.JUPYTERLAB
    experimental: bool = False
    name: str = ""

    @property
    def id(self) -> str:
        return f"{self.name or self.tool_version}"


def of(*examples: ExampleTemplate) -> list[TemplateStatus]:
    return list(statuses(examples).values())


@pytest.mark.behaviour("B72")
@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("0.12.0", True),
        ("0.11.0", True),
        ("0.10.0", True),
        ("0.9.0", False),
        ("0.9.99", False),  # a patch does not bring a minor back
        ("0.10.99", True),
        ("0.12.9", True),  # newer patch of the newest minor
        ("0.13.0", True),
        ("1.0.0", True),
    ],
)
def test_the_newest_minor_and_the_two_before_it_are_supported(version: str, expected: bool) -> None:
    assert is_supported(ConnectVersion.parse(version), ConnectVersion.parse("0.12.1")) is expected


@pytest.mark.behaviour("B72")
@pytest.mark.parametrize(("version", "expected"), [("1.0.5", True), ("0.99.0", False), ("0.0.1", False)])
def test_a_new_major_version_ends_the_support_of_the_one_before(version: str, expected: bool) -> None:
    assert is_supported(ConnectVersion.parse(version), ConnectVersion.parse("1.0.0")) is expected


@pytest.mark.behaviour("B72")
def test_the_newest_release_of_each_tool_is_recommended_and_older_ones_are_deprecated() -> None:
    xpra = ExampleTemplate("6.2", tool=Tool.XPRA)
    assert of(ExampleTemplate("4.6.6"), ExampleTemplate("4.10.0"), xpra, ExampleTemplate("4.9.0")) == [
        DEPRECATED,
        RECOMMENDED,
        RECOMMENDED,
        DEPRECATED,
    ]


@pytest.mark.behaviour("B72")
def test_the_tools_version_decides_before_the_connect_version() -> None:
    assert of(ExampleTemplate("4.7.0", "0.4.0"), ExampleTemplate("4.6.6", "0.5.0")) == [RECOMMENDED, DEPRECATED]
    first, second = ExampleTemplate("4.7.0", "0.5.0", name="first"), ExampleTemplate("4.7.0", "0.5.1", name="second")
    assert of(first, second) == [DEPRECATED, RECOMMENDED]


@pytest.mark.behaviour("B72")
def test_equal_releases_are_recommended_together() -> None:
    assert of(ExampleTemplate("4.7.0", name="cpu"), ExampleTemplate("4.7.0", name="gpu")) == [RECOMMENDED, RECOMMENDED]


@pytest.mark.behaviour("B72")
def test_an_experimental_release_takes_no_recommendation_away_and_ends_no_support() -> None:
    assert of(ExampleTemplate("4.6.6"), ExampleTemplate("5.0.0", "0.9.0", experimental=True)) == [RECOMMENDED, EXPERIMENTAL]


@pytest.mark.behaviour("B72")
def test_an_experimental_template_that_is_too_old_is_unsupported() -> None:
    assert of(ExampleTemplate("4.6.6", "0.2.0", experimental=True), ExampleTemplate("4.7.0")) == [UNSUPPORTED, RECOMMENDED]


@pytest.mark.behaviour("B72")
def test_a_newest_release_out_of_the_window_leaves_the_recommendation_to_a_supported_one() -> None:
    xpra = ExampleTemplate("6.2", "0.8.0", tool=Tool.XPRA)
    assert of(ExampleTemplate("4.7.0", "0.5.0"), ExampleTemplate("4.6.6", "0.6.0"), xpra) == [UNSUPPORTED, RECOMMENDED, RECOMMENDED]


@pytest.mark.behaviour("B72")
def test_custom_templates_are_tools_of_their_own_within_the_window_of_the_others() -> None:
    marimo = ExampleTemplate("0.14", tool=Tool.CUSTOM)
    old, new = ExampleTemplate("1", "0.2.0", tool=Tool.CUSTOM), ExampleTemplate("2", "7.0.0", tool=Tool.CUSTOM)
    assert of(marimo, ExampleTemplate("0.15", tool=Tool.CUSTOM)) == [RECOMMENDED, RECOMMENDED]
    assert of(old, new, ExampleTemplate("4.6.6")) == [UNSUPPORTED, RECOMMENDED, RECOMMENDED]
    assert newest_connect_version([old, new]) is None
