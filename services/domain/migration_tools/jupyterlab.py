"""JupyterLab: packages come from pip and apt."""

from services.domain.migration_tools.rules import APT, PIP, Ecosystem, ToolRules

RULES = ToolRules({Ecosystem.PYTHON: PIP, Ecosystem.SYSTEM: APT})
