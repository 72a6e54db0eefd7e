"""Makes the issues of a migrated Studio from what its session reports and from the files that both sides changed (B74)."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.domain.migration_files import DPKG_STATUS, InstalledSoftware, important_conflicts, packages_in_conflict
from services.domain.migration_issues import MigrationIssue
from services.domain.migration_tools.rules import PackageEcosystem, ToolRules, is_name
from services.domain.statuses import MigrationIssueKind as Kind

MAX_LISTED = 20
"""The number of packages that one issue names, and of files in conflict that are listed."""


@dataclass(frozen=True, slots=True)
class ProbeFinding:
    """A line of what a session reports, which may be anything. `owner` is `<ecosystem>:<name>` of the software that it is about."""

    kind: str
    subject: str
    detail: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class SessionReport:
    """What was found about the session of a migrated Studio."""

    software: InstalledSoftware
    conflicts: Sequence[str]
    findings: Sequence[ProbeFinding]

    @property
    def python_names(self) -> set[str]:
        """Returns the normalized names of the packages that the original installed."""
        return {normalized(package.name) for package in self.software.python}


def issues_of(rules: ToolRules, report: SessionReport) -> list[MigrationIssue]:
    """Returns the issues, each once, with the commands that the tool has to mend them."""
    found: dict[tuple[Kind, str], MigrationIssue] = {}
    for issue in (*_reported(rules, report), *_other_python(rules, report), *_refused(rules, report), *_conflicts(rules, report)):
        found.setdefault((issue.kind, issue.subject), issue)
    return list(found.values())


def normalized(name: str) -> str:
    """Returns the form in which names of Python packages are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _reported(rules: ToolRules, report: SessionReport) -> Iterator[MigrationIssue]:
    for finding in report.findings:
        make = _MAKERS.get(finding.kind)
        issue = make(rules, report, finding) if make else None
        if issue is not None:
            yield issue


def _import(rules: ToolRules, report: SessionReport, finding: ProbeFinding) -> MigrationIssue | None:
    return _python(rules, report, finding.subject, f"{finding.subject} cannot be loaded: {finding.detail}")


def _twice(rules: ToolRules, report: SessionReport, finding: ProbeFinding) -> MigrationIssue | None:
    message = f"{finding.subject} is installed in two versions, {finding.detail}: that of the original, and that of the new template."
    return _python(rules, report, finding.subject, message)


def _requirement(rules: ToolRules, report: SessionReport, finding: ProbeFinding) -> MigrationIssue | None:
    """Returns the issue about whichever of the two packages the original installed: only that one can be removed."""
    return _python(rules, report, finding.subject, finding.detail) or _python(rules, report, finding.owner, finding.detail)


def _python(rules: ToolRules, report: SessionReport, name: str, message: str) -> MigrationIssue | None:
    if not is_name(PackageEcosystem.PYTHON, name) or normalized(name) not in report.python_names:
        return None
    return MigrationIssue(Kind.PACKAGE_BROKEN, name, message, rules.removal(PackageEcosystem.PYTHON, name))


def _r_package(rules: ToolRules, report: SessionReport, finding: ProbeFinding) -> MigrationIssue | None:
    if finding.subject not in report.software.r:
        return None
    message = f"{finding.subject} cannot be loaded: {finding.detail}"
    return MigrationIssue(Kind.PACKAGE_BROKEN, finding.subject, message, rules.removal(PackageEcosystem.R, finding.subject))


def _extension(rules: ToolRules, report: SessionReport, finding: ProbeFinding) -> MigrationIssue | None:
    name = finding.subject
    if name not in report.software.extensions or not is_name(PackageEcosystem.EXTENSION, name):
        return None
    return MigrationIssue(Kind.EXTENSION_REFUSED, name, f"{name} {finding.detail}.", rules.removal(PackageEcosystem.EXTENSION, name))


def _interpreter(rules: ToolRules, report: SessionReport, finding: ProbeFinding) -> MigrationIssue | None:
    message = f"{finding.subject} is run by {finding.detail}, which the new template does not have."
    return _program(rules, report, finding, Kind.INTERPRETER_MISSING, message)


def _library(rules: ToolRules, report: SessionReport, finding: ProbeFinding) -> MigrationIssue | None:
    message = f"{finding.subject} needs {finding.detail}, which the new template does not have."
    return _program(rules, report, finding, Kind.LIBRARY_MISSING, message)


def _program(rules: ToolRules, report: SessionReport, finding: ProbeFinding, kind: Kind, message: str) -> MigrationIssue | None:
    if finding.subject.lstrip("/") not in report.software.programs:
        return None
    ecosystem, _, name = finding.owner.partition(":")
    commands = rules.removal(PackageEcosystem(ecosystem), name) if ecosystem in (PackageEcosystem.PYTHON, PackageEcosystem.SYSTEM) else ()
    return MigrationIssue(kind, finding.subject, message, commands)


_MAKERS: Mapping[str, Callable[[ToolRules, SessionReport, ProbeFinding], MigrationIssue | None]] = {
    "python-import": _import,
    "python-twice": _twice,
    "python-requirement": _requirement,
    "r-load": _r_package,
    "extension-refused": _extension,
    "interpreter": _interpreter,
    "library": _library,
}


def _other_python(rules: ToolRules, report: SessionReport) -> Iterator[MigrationIssue]:
    """Returns an issue for each former version of the session's Python that packages were installed for.

    Other environments, which users made themselves, have a Python of their own. The detail of the finding is the directory of the tool's.
    """
    python = next((finding for finding in report.findings if finding.kind == "python-version"), None)
    if python is None:
        return
    current, names = f"3.{python.subject.partition('.')[2]}", dict[str, list[str]]()
    for package in report.software.python:
        if package.version not in (None, current) and python.detail.endswith(f"/{package.root}"):
            names.setdefault(package.version or "", []).append(package.name)
    for version, packages in names.items():
        listed = [name for name in packages if is_name(PackageEcosystem.PYTHON, name)][:MAX_LISTED]
        message = f"The new template runs Python {current}. What was installed for Python {version} is not found: {', '.join(listed)}."
        commands = tuple(command for name in listed for command in rules.removal(PackageEcosystem.PYTHON, name))
        yield MigrationIssue(Kind.INTERPRETER_MISSING, f"Python {version}", message, commands)


def _refused(rules: ToolRules, report: SessionReport) -> Iterator[MigrationIssue]:
    """Returns an issue for each extension that the tool does not list, if it lists any at all."""
    if not any(finding.kind == "extensions-listed" for finding in report.findings):
        return
    listed = {finding.subject.lower() for finding in report.findings if finding.kind == "extension"}
    for name in report.software.extensions:
        if name.lower() not in listed and is_name(PackageEcosystem.EXTENSION, name):
            message = f"The extension {name} is installed, and the tool of the new template does not load it."
            yield MigrationIssue(Kind.EXTENSION_REFUSED, name, message, rules.removal(PackageEcosystem.EXTENSION, name))


def _conflicts(rules: ToolRules, report: SessionReport) -> Iterator[MigrationIssue]:
    for name, count in list(packages_in_conflict(report.conflicts).items())[:MAX_LISTED]:
        message = f"Both the original and the new template changed files of {name} ({count}). Those of the original are used."
        known = is_name(PackageEcosystem.PYTHON, name) and normalized(name) in report.python_names
        yield MigrationIssue(Kind.FILE_CONFLICT, name, message, rules.removal(PackageEcosystem.PYTHON, name) if known else ())
    for path in important_conflicts(report.conflicts)[:MAX_LISTED]:
        if path == DPKG_STATUS:
            yield _package_database(rules, report)
        else:
            message = f"Both the original and the new template changed /{path}. That of the original is used."
            yield MigrationIssue(Kind.FILE_CONFLICT, f"/{path}", message)


def _package_database(rules: ToolRules, report: SessionReport) -> MigrationIssue:
    message = "The list of system packages is that of the original: packages that the new template added are there, and not listed."
    listed = report.software.system[:MAX_LISTED]
    commands = tuple(command for name in listed for command in rules.removal(PackageEcosystem.SYSTEM, name))
    return MigrationIssue(Kind.FILE_CONFLICT, f"/{DPKG_STATUS}", message, commands)
