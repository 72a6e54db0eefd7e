"""The recipes of a server whose releases a test decides: `jupyter` is a provided one, `own` one of the operator's."""

from dataclasses import dataclass, field

from services.compute.protocol import ComputeFailed
from services.domain.provided_release import ProvidedRelease
from services.domain.statuses import Tool


def jupyter(tool_version: str, connect_version: str = "0.1.0") -> ProvidedRelease:
    """Returns a release of JupyterLab."""
    return ProvidedRelease("JupyterLab", Tool.JUPYTERLAB, tool_version, connect_version, prefix_capable=True)


@dataclass(slots=True)
class ReleasedRecipes:
    """`content` stands for the files of the recipes."""

    releases: dict[str, ProvidedRelease | None] = field(default_factory=lambda: {"jupyter": jupyter("4.6.6"), "own": None})
    content: str = "first"

    def reference(self, recipe: str) -> str:
        if recipe not in self.releases:
            raise ComputeFailed(f"There is no recipe {recipe!r}; there is {', '.join(self.releases)}.")
        release = self.releases[recipe]
        return f"studiograph/{recipe}:{release.tool_version}-{self.content}" if release else f"studiograph/{recipe}:{self.content}"

    def provided(self) -> list[str]:
        return [recipe for recipe, release in self.releases.items() if release is not None]

    def release(self, recipe: str) -> ProvidedRelease | None:
        return self.releases[recipe]
