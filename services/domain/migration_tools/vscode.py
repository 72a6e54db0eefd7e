"""Visual Studio Code: extensions are its own, and packages come from pip and apt."""

from services.domain.migration_tools.rules import APT, PIP, PackageEcosystem, ToolRules

RULES = ToolRules(
    {PackageEcosystem.EXTENSION: "code-server --uninstall-extension {name}", PackageEcosystem.PYTHON: PIP, PackageEcosystem.SYSTEM: APT}
)
