"""Xpra: programs of the desktop come from apt."""

from services.domain.migration_tools.rules import APT, Ecosystem, ToolRules

RULES = ToolRules({Ecosystem.SYSTEM: APT})
