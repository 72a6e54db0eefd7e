"""Pages that are made from the code say what the code does."""

import re

from typer.testing import CliRunner

from studiograph import reference
from studiograph.cli import app
from tests.project.conftest import ROOT


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
