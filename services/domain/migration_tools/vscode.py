"""Visual Studio Code: extensions are its own, and packages come from pip and apt."""

from services.domain.migration_tools.rules import APT, PIP, Ecosystem, ToolRules

RULES = ToolRules({Ecosystem.EXTENSION: "code-server --uninstall-extension {name}", Ecosystem.PYTHON: PIP, Ecosystem.SYSTEM: APT})
