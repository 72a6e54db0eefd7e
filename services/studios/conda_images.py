"""The images of Studios with Conda packages: the image of the template, and on it the environment (B76)."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from services.conda import environment
from services.conda.channels import ChannelPolicy
from services.conda.environment import CondaEnvironment, InvalidEnvironment
from services.domain.compute_kinds import spec_of
from services.domain.problems import Problems
from services.domain.statuses import Tool
from services.store.compute_environments import EnvironmentState
from services.store.templates import TemplateState
from services.studios.image_builds import BuiltImage

FIELD = "conda_environment"
DIGEST_CHARACTERS = 16
DISABLED_MESSAGE = "Conda packages are switched off on this server. Install packages in the session, or choose a template that has them."
NOTEBOOK_TOOLS = frozenset({Tool.JUPYTERLAB, Tool.R_IDE})
"""The tools with notebooks, whose kernel of Python is that of the environment."""


@dataclass(frozen=True, slots=True)
class CondaImages:
    """Checks Conda environments, and determines the image that has one.

    `installer` is the digest of the files that install an environment during a build: other files make another image. If not `enabled`,
    no Studio can be given packages, and none is built.
    """

    channels: ChannelPolicy = field(default_factory=ChannelPolicy)
    installer: str = ""
    enabled: bool = True

    def check(self, problems: Problems, text: str, template: TemplateState, compute_environment: EnvironmentState | None) -> None:
        """Adds what is wrong with the text, and why the template or the compute environment cannot have Conda packages."""
        if not self.enabled:
            problems.add(FIELD, "DISABLED", DISABLED_MESSAGE)
        elif template.recipe is None:
            message = (
                f"{template.name} is an image that is not built here, so that no Conda packages can be added to it. Install them in the "
                "image, or choose a provided template."
            )
            problems.add(FIELD, "TEMPLATE", message)
        elif compute_environment is not None and not spec_of(compute_environment.kind).builds_images:
            message = (
                f"{compute_environment.name} runs sessions without images, and Conda packages are built into images. Choose a compute "
                "environment that runs containers, or install the packages with pip in the session."
            )
            problems.add(FIELD, "COMPUTE_ENVIRONMENT", message)
        self._parse(problems, text)

    def image(self, template: TemplateState, text: str) -> BuiltImage:
        """Returns the image: equal for texts that ask for the same. Raises InvalidInput if the settings no longer allow it."""
        problems = Problems()
        if not self.enabled:
            problems.add(FIELD, "DISABLED", DISABLED_MESSAGE)
        packages = self._parse(problems, text)
        problems.raise_any()
        assert packages is not None
        conda: dict[str, Any] = {"base": template.image, "kernel": template.tool in NOTEBOOK_TOOLS, **packages.to_json()}
        content = json.dumps([self.installer, conda], sort_keys=True)
        digest = hashlib.sha256(content.encode()).hexdigest()[:DIGEST_CHARACTERS]
        return BuiltImage(f"studiograph/{template.recipe}-conda:{digest}", {"directory": template.recipe, "conda": conda})

    def _parse(self, problems: Problems, text: str) -> CondaEnvironment | None:
        try:
            return environment.parse(text, self.channels)
        except InvalidEnvironment as error:
            for problem in error.problems:
                place = f"Line {problem.position.line}, column {problem.position.column}"
                problems.add(FIELD, problem.code, f"{place}: {problem.message}")
            return None
