"""Xpra: programs of the desktop come from apt."""

from services.domain.migration_tools.rules import APT, PackageEcosystem, ToolRules

RULES = ToolRules({PackageEcosystem.SYSTEM: APT})
