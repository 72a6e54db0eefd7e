"""The rules of a tool: by which command software of each ecosystem is removed from the original Studio."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class PackageEcosystem(StrEnum):
    """By what software is installed in a session; the values are the words of the session probe."""

    PYTHON = "python"
    R = "r"
    EXTENSION = "extension"
    SYSTEM = "system"


NAMES: Mapping[PackageEcosystem, re.Pattern[str]] = {
    PackageEcosystem.PYTHON: re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"),
    PackageEcosystem.R: re.compile(r"[A-Za-z][A-Za-z0-9.]*[A-Za-z0-9]"),
    PackageEcosystem.EXTENSION: re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*\.[A-Za-z0-9][A-Za-z0-9._-]*"),
    PackageEcosystem.SYSTEM: re.compile(r"[a-z0-9][a-z0-9+.-]+"),
}
"""The form of names in each ecosystem. What a session reports is put into commands only in this form: it may come from anybody."""
MAX_NAME_LENGTH = 214
PIP = "pip uninstall --yes {name}"
APT = "apt-get remove --yes {name}"


@dataclass(frozen=True, slots=True)
class ToolRules:
    """`removals` has the command that removes software, for each ecosystem that the tool's users install from."""

    removals: Mapping[PackageEcosystem, str] = field(default_factory=dict)

    def removal(self, ecosystem: PackageEcosystem, name: str) -> tuple[str, ...]:
        """Returns the commands that remove the software; none where the tool has no such ecosystem."""
        command = self.removals.get(ecosystem)
        return (command.format(name=name),) if command and is_name(ecosystem, name) else ()


def is_name(ecosystem: PackageEcosystem, name: str) -> bool:
    """Returns whether the text can be the name of software of the ecosystem."""
    return len(name) <= MAX_NAME_LENGTH and NAMES[ecosystem].fullmatch(name) is not None
