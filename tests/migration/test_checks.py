"""The issues of a migrated Studio, and the commands that each tool has to mend them."""

import pytest

from services.domain.migration_checks import MAX_LISTED, ProbeFinding, SessionReport, issues_of
from services.domain.migration_files import InstalledSoftware, PythonPackage
from services.domain.migration_issues import MigrationIssue
from services.domain.migration_tools import RULES
from services.domain.statuses import MigrationIssueKind as Kind
from services.domain.statuses import Tool

pytestmark = pytest.mark.behaviour("B74")
SOFTWARE = InstalledSoftware(
    (PythonPackage("numpy", "3.11", "opt/jupyter"), PythonPackage("old", "3.10", "opt/jupyter"), PythonPackage("mine", "3.9", "root/venv")),
    ("jsonlite",),
    ("ms-python.python",),
    ("tree",),
    ("usr/bin/tree", "opt/jupyter/bin/plot"),
)
VERSION = ProbeFinding("python-version", "3.11", "/opt/jupyter")


def issues(
    tool: Tool, *findings: ProbeFinding, conflicts: tuple[str, ...] = (), software: InstalledSoftware = SOFTWARE
) -> list[MigrationIssue]:
    return issues_of(RULES[tool], SessionReport(software, conflicts, findings))


@pytest.mark.parametrize(
    ("tool", "finding", "kind", "commands"),
    [
        (Tool.JUPYTERLAB, ProbeFinding("python-import", "numpy", "ImportError"), Kind.PACKAGE_BROKEN, ("pip uninstall --yes numpy",)),
        (Tool.JUPYTERLAB, ProbeFinding("python-twice", "numpy", "1 and 2"), Kind.PACKAGE_BROKEN, ("pip uninstall --yes numpy",)),
        (
            Tool.JUPYTERLAB,
            ProbeFinding("python-requirement", "six", "lab needs", "numpy"),
            Kind.PACKAGE_BROKEN,
            ("pip uninstall --yes numpy",),
        ),
        (Tool.R_IDE, ProbeFinding("r-load", "jsonlite", "no"), Kind.PACKAGE_BROKEN, ("Rscript -e 'remove.packages(\"jsonlite\")'",)),
        (
            Tool.VSCODE,
            ProbeFinding("extension-refused", "ms-python.python", "needs VS Code ^9.0.0"),
            Kind.EXTENSION_REFUSED,
            ("code-server --uninstall-extension ms-python.python",),
        ),
        (
            Tool.XPRA,
            ProbeFinding("library", "/usr/bin/tree", "libx.so.1", "system:tree"),
            Kind.LIBRARY_MISSING,
            ("apt-get remove --yes tree",),
        ),
        (
            Tool.VSCODE,
            ProbeFinding("interpreter", "/opt/jupyter/bin/plot", "/usr/bin/python3.10", "python:plot"),
            Kind.INTERPRETER_MISSING,
            ("pip uninstall --yes plot",),
        ),
        (Tool.XPRA, ProbeFinding("python-import", "numpy", "ImportError"), Kind.PACKAGE_BROKEN, ()),
    ],
)
def test_each_finding_is_an_issue_with_the_commands_of_the_tool(
    tool: Tool, finding: ProbeFinding, kind: Kind, commands: tuple[str, ...]
) -> None:
    [issue] = issues(tool, finding)
    assert (issue.kind, issue.commands) == (kind, commands)


def test_packages_of_another_python_are_one_issue() -> None:
    [issue] = issues(Tool.JUPYTERLAB, VERSION)
    assert (issue.kind, issue.subject, issue.commands) == (Kind.INTERPRETER_MISSING, "Python 3.10", ("pip uninstall --yes old",))


def test_an_extension_that_the_tool_does_not_list_is_refused() -> None:
    listed = ProbeFinding("extensions-listed", "all")
    [issue] = issues(Tool.VSCODE, listed, ProbeFinding("extension", "other.thing"))
    assert (issue.kind, issue.commands) == (Kind.EXTENSION_REFUSED, ("code-server --uninstall-extension ms-python.python",))
    assert issues(Tool.VSCODE, listed, ProbeFinding("extension", "MS-Python.python")) == []
    assert issues(Tool.VSCODE) == []


@pytest.mark.parametrize(
    "finding",
    [
        ProbeFinding("python-import", "requests", "never installed by the original"),
        ProbeFinding("python-import", "numpy; rm -rf /", "x"),
        ProbeFinding("r-load", "other", "x"),
        ProbeFinding("library", "/etc/shadow", "x", "system:tree"),
        ProbeFinding("nonsense", "numpy", "x"),
    ],
)
def test_what_a_session_claims_about_anything_else_is_no_issue(finding: ProbeFinding) -> None:
    assert issues(Tool.JUPYTERLAB, finding) == []


def test_a_name_that_is_none_is_in_no_command() -> None:
    [issue] = issues(Tool.XPRA, ProbeFinding("library", "/usr/bin/tree", "libx.so.1", "system:tree; reboot"))
    assert issue.commands == ()
    [issue] = issues(Tool.XPRA, ProbeFinding("library", "/usr/bin/tree", "libx.so.1", "shell:tree"))
    assert issue.commands == ()


def test_conflicts_are_listed_up_to_a_limit_and_the_package_database_says_what_to_do() -> None:
    conflicts = ("var/lib/dpkg/status", *(f"etc/conf-{number:03}" for number in range(100)))
    reported = issues(Tool.JUPYTERLAB, conflicts=conflicts)
    assert len(reported) == MAX_LISTED
    [status] = issues(Tool.JUPYTERLAB, conflicts=conflicts[:1])
    assert (status.kind, status.subject, status.commands) == (
        Kind.FILE_CONFLICT,
        "/var/lib/dpkg/status",
        ("apt-get remove --yes tree",),
    )
    [package] = issues(Tool.JUPYTERLAB, conflicts=("opt/lib/python3.11/site-packages/numpy/core.py",))
    assert (package.subject, package.commands) == ("numpy", ("pip uninstall --yes numpy",))


def test_the_same_thing_is_one_issue() -> None:
    finding = ProbeFinding("python-import", "numpy", "ImportError")
    assert len(issues(Tool.JUPYTERLAB, finding, finding)) == 1
