"""Pages made from the code are current, and what code and pages cite exists."""

import re
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from studiograph import reference
from studiograph.cli import app
from tests import behaviours, needs
from tests.project.conftest import ROOT

CITING = ("*.py", "*.md", "*.js", "*.toml", "*.graphql", "Makefile", "Dockerfile")
THIS_FILE = Path(__file__)
BEHAVIOUR = re.compile(r"\bB\d{1,2}\b")
DECISION = re.compile(r"\bADRs? (\d+)|\badr/(\d{4})-")
PAGE = re.compile(r"\bdocs/([\w/-]+\.md)(?:#([\w-]+))?")
UNKNOWN_DOCUMENT = re.compile(r"\bDESIGN\b(?:\.md| \d)|(?<![\w/])reference/\w+\.md")


def sources() -> list[tuple[str, str]]:
    """Returns path and text of each tracked file that may cite; not of vendored files, nor of this one."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *CITING]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    paths = [ROOT / name for name in names if name and "/vendor/" not in name]
    return [(str(path.relative_to(ROOT)), path.read_text()) for path in paths if path.is_file() and path != THIS_FILE]


def anchors(page: Path) -> set[str]:
    """Returns the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_made_pages_are_current() -> None:
    assert reference.stale() == []


def test_links_between_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_decision_has_a_number_of_its_own() -> None:
    numbers = [path.name[:4] for path in sorted((ROOT / "docs/adr").glob("[0-9]*.md"))]
    assert numbers == [f"{index:04}" for index in range(1, len(numbers) + 1)]


def test_every_command_has_help_with_an_example() -> None:
    groups = [app, *(group.typer_instance for group in app.registered_groups)]
    commands = [command for group in groups if group for command in group.registered_commands]
    assert len(commands) >= 10
    for command in commands:
        assert command.callback
        assert "Example" in (command.callback.__doc__ or ""), command.name


def test_the_lists_of_commands_cut_no_sentence() -> None:
    runner = CliRunner(env={"COLUMNS": "80"})
    for group in ["", *(group.name for group in app.registered_groups)]:
        listed = runner.invoke(app, [*([group] if group else []), "--help"]).output
        assert "Commands:" in listed
        assert "..." not in listed.partition("Commands:")[2], group


def test_every_cited_behaviour_is_in_the_list() -> None:
    rows = behaviours.rows()
    unknown = {f"{name}: {cited}" for name, text in sources() for cited in BEHAVIOUR.findall(text) if cited not in rows}
    assert unknown == set()


def test_every_cited_decision_exists() -> None:
    numbers = {int(path.name[:4]) for path in (ROOT / "docs/adr").glob("[0-9]*.md")}
    cited = {(name, int(short or full)) for name, text in sources() for short, full in DECISION.findall(text)}
    assert len(cited) > 10
    assert {citation for citation in cited if citation[1] not in numbers} == set()


def test_every_cited_page_and_section_exists() -> None:
    cited = {(name, page, anchor) for name, text in sources() for page, anchor in PAGE.findall(text)}
    missing = {
        (name, page, anchor)
        for name, page, anchor in cited
        if not (ROOT / "docs" / page).is_file() or (anchor and anchor not in anchors(ROOT / "docs" / page))
    }
    assert missing == set()


def test_every_link_to_a_section_leads_to_one() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target, anchor in re.findall(r"\]\((?!https?://)([^)#]*)#([^)]+)\)", page.read_text()):
            assert anchor in anchors(page.parent / target if target else page), f"{page.name} links to {target}#{anchor}"


def test_nothing_cites_a_document_that_the_repository_does_not_have() -> None:
    assert [name for name, text in sources() if UNKNOWN_DOCUMENT.search(text)] == []


@pytest.mark.shared_list
def test_the_list_of_behaviours_is_the_current_one() -> None:
    assert behaviours.LIST.read_text() == needs.SHARED_LIST.read_text()
