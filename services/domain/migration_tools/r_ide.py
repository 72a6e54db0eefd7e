"""The development environment for R: packages come from R's repositories and apt, and those of its notebooks from pip."""

from services.domain.migration_tools.rules import APT, PIP, PackageEcosystem, ToolRules

RULES = ToolRules(
    {PackageEcosystem.R: "Rscript -e 'remove.packages(\"{name}\")'", PackageEcosystem.PYTHON: PIP, PackageEcosystem.SYSTEM: APT}
)
