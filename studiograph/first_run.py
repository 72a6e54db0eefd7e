"""Creates the demo of `make run` if it is missing: a workspace, a user with a token, a template, compute environments, Studios."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from services.compute.protocol import Compute, ImageSpec
from services.compute.registry import Computes
from services.compute_environments.commands import ComputeEnvironments, NewComputeEnvironment
from services.domain.access import Operator, TokenScope, Viewer
from services.domain.errors import Conflict, Unauthenticated
from services.domain.provided_release import ProvidedRelease
from services.domain.statuses import ComputeKind, Tool
from services.identity.people import People
from services.identity.token_rules import NewToken
from services.identity.tokens import Tokens
from services.studios.requests import CreateStudioRequest
from services.studios.studios import Studios
from services.templates.commands import Templates
from services.templates.recipe_images import RecipeImage, RecipeSource
from services.templates.requests import NewTemplate
from studiograph.private_files import read_private, replace_private

DEMO_NAME = "demo"
TOKEN_FILE = "demo-token"  # noqa: S105 - the name of a file
RECIPE = "jupyter"
JUPYTERLAB = ImageSpec(Tool.JUPYTERLAB, "jupyterlab", "4.6.6")
"""As the process kind installs it; containers get the image that is built from RECIPE."""
OWN_RELEASE = ProvidedRelease("JupyterLab", Tool.JUPYTERLAB, JUPYTERLAB.tool_version, prefix_capable=True)
"""What the demo's template says if the operator has a recipe of their own in place of RECIPE."""


@dataclass(frozen=True, slots=True)
class DemoEnvironment:
    """A compute environment of the demo workspace, and the name of the Studio that runs in it."""

    kind: ComputeKind
    name: str
    studio_name: str


PROCESSES = DemoEnvironment(ComputeKind.PROCESS, "This machine", "First look")
CONTAINERS = DemoEnvironment(ComputeKind.DOCKER, "Docker on this machine", "First look, in a container")
ISOLATION_WARNING = (
    f"Sessions on {PROCESSES.name!r} run as the user of this server, without isolation: "
    "try it with code you trust, and share it with nobody."
)


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo user's token, which is stored in a file (0600) since the store has only its hash, and the demo's compute clients."""

    token: str
    computes: dict[ComputeKind, Compute]


@dataclass(frozen=True, slots=True)
class FirstRun:
    """Finds each part of the demo by its name or creates it, so that a second run changes nothing."""

    people: People
    tokens: Tokens
    templates: Templates
    compute_environments: ComputeEnvironments
    studios: Studios

    async def prepare(
        self, token_file: Path, computes: Computes, environments: Sequence[DemoEnvironment], image: RecipeImage, recipes: RecipeSource
    ) -> Demo:
        """Creates the demo in `environments`, with a template of each provided recipe where one of them builds images.

        `image` is that of RECIPE. Raises ComputeFailed and ComputeUnknown if an environment cannot be used.
        """
        user_id = await self.people.find_user(DEMO_NAME) or await self.people.create_user(Operator(), DEMO_NAME, "Demo user")
        workspace_id = await self._workspace(user_id)
        release = image.release or OWN_RELEASE
        template = NewTemplate.of_release(release, release.title, RECIPE, image.reference)
        template_id = await self.templates.ensure(Operator(), workspace_id, template, image)
        if CONTAINERS in environments:
            await self.templates.refresh(Operator(), workspace_id, recipes, add_missing=True)
        viewer, secret = await self._token(user_id, token_file)
        computes_by_kind = {
            environment.kind: await self._prepare_environment(viewer, computes, environment, workspace_id, template_id)
            for environment in environments
        }
        return Demo(secret, computes_by_kind)

    async def _prepare_environment(
        self, viewer: Viewer, computes: Computes, environment: DemoEnvironment, workspace_id: str, template_id: str
    ) -> Compute:
        operator, new_environment = Operator(), NewComputeEnvironment(environment.name, environment.kind)
        environment_id, is_new = await self.compute_environments.ensure(operator, workspace_id, new_environment)
        compute = await computes.get(environment_id)
        await self.compute_environments.record_capacity(operator, environment_id, await compute.check())
        if is_new:
            with suppress(Conflict):  # there is a Studio of that name already
                await self.studios.create(
                    viewer, CreateStudioRequest(workspace_id, environment.studio_name, template_id, environment_id, auto_start=False)
                )
        await self.studios.prepare_image(workspace_id, template_id, environment_id)
        return compute

    async def _workspace(self, user_id: str) -> str:
        workspace_id = await self.people.find_workspace(DEMO_NAME)
        if workspace_id:
            return workspace_id
        organization_id = await self.people.find_organization(DEMO_NAME) or await self.people.create_organization(
            Operator(), DEMO_NAME, "Demo organization"
        )
        return await self.people.create_workspace(Operator(), organization_id, DEMO_NAME, "Demo", user_id)

    async def _token(self, user_id: str, token_file: Path) -> tuple[Viewer, str]:
        stored = read_private(token_file)
        if stored:
            with suppress(Unauthenticated):  # expired or revoked: another one takes its environment
                return await self.tokens.authenticate(stored), stored
        _, secret = await self.tokens.issue(Operator(), user_id, NewToken("make run", frozenset(TokenScope)))
        replace_private(token_file, secret + "\n")
        return await self.tokens.authenticate(secret), secret
