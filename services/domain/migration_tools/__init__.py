"""What each tool has to mend a migrated Studio with: a module of rules for each tool (B74)."""

from collections.abc import Mapping
from types import MappingProxyType

from services.domain.migration_tools import jupyterlab, r_ide, vscode, xpra
from services.domain.migration_tools.rules import ToolRules
from services.domain.statuses import Tool

RULES: Mapping[Tool, ToolRules] = MappingProxyType(
    {Tool.JUPYTERLAB: jupyterlab.RULES, Tool.R_IDE: r_ide.RULES, Tool.VSCODE: vscode.RULES, Tool.XPRA: xpra.RULES, Tool.CUSTOM: ToolRules()}
)
"""A custom template is not migrated; its Studios may come from an earlier server."""
