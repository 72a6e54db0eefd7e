"""The development environment for R: packages come from R's repositories and apt, and those of its notebooks from pip."""

from services.domain.migration_tools.rules import APT, PIP, Ecosystem, ToolRules

RULES = ToolRules({Ecosystem.R: "Rscript -e 'remove.packages(\"{name}\")'", Ecosystem.PYTHON: PIP, Ecosystem.SYSTEM: APT})
