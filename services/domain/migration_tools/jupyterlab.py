"""JupyterLab: packages come from pip and apt."""

from services.domain.migration_tools.rules import APT, PIP, PackageEcosystem, ToolRules

RULES = ToolRules({PackageEcosystem.PYTHON: PIP, PackageEcosystem.SYSTEM: APT})
