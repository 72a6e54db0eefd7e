"""What `make run` finds or makes: a workspace to try, a user with a token, JupyterLab, and where this machine can run it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from services.compute.protocol import Compute, ImageSpec
from services.compute.registry import Computes
from services.compute_environments.commands import ComputeEnvironments, NewComputeEnvironment
from services.domain.access import Operator, TokenScope, Viewer
from services.domain.errors import Conflict, Unauthenticated
from services.domain.statuses import ComputeKind, Tool
from services.identity.people import People
from services.identity.token_rules import NewToken
from services.identity.tokens import Tokens
from services.studios.requests import CreateStudioRequest
from services.studios.studios import Studios
from services.templates.commands import NewTemplate, Templates
from studiograph.private_files import read_private, replace_private

NAME = "demo"
TOKEN_FILE = "demo-token"  # noqa: S105 - the name of a file
RECIPE = "jupyter"
JUPYTERLAB = ImageSpec(Tool.JUPYTERLAB, "jupyterlab", "4.6.6")
"""As the process kind installs it; containers get the image that is built from RECIPE."""


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere to run sessions, and the Studio that shows it."""

    kind: ComputeKind
    name: str
    studio: str


PROCESSES = Place(ComputeKind.PROCESS, "This machine", "First look")
CONTAINERS = Place(ComputeKind.DOCKER, "Docker on this machine", "First look, in a container")
WARNING = (
    f"Sessions on {PROCESSES.name!r} run as the user of this server, without isolation: "
    "try it with code you trust, and share it with nobody."
)


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo user's token, which is kept in a file (0600) since the store has only its hash; and what runs its sessions."""

    token: str
    computes: dict[ComputeKind, Compute]


@dataclass(frozen=True, slots=True)
class FirstRun:
    """Everything under one name, each found before it is made: a second run changes nothing."""

    people: People
    tokens: Tokens
    templates: Templates
    compute_environments: ComputeEnvironments
    studios: Studios

    async def prepare(self, token_file: Path, computes: Computes, places: Sequence[Place], image: str) -> Demo:
        """Only on `places`. `image` is what RECIPE's image is called. Raises ComputeFailed and ComputeUnknown where one cannot be used."""
        user_id = await self.people.find_user(NAME) or await self.people.create_user(NAME, "Demo user")
        workspace_id = await self._workspace(user_id)
        new = NewTemplate("JupyterLab", Tool.JUPYTERLAB, image, JUPYTERLAB.tool_version, RECIPE)
        template_id = await self.templates.ensure(Operator(), workspace_id, new)
        viewer, secret = await self._token(user_id, token_file)
        there = {place.kind: await self._place(viewer, computes, place, workspace_id, template_id) for place in places}
        return Demo(secret, there)

    async def _place(self, viewer: Viewer, computes: Computes, place: Place, workspace_id: str, template_id: str) -> Compute:
        operator, environment = Operator(), NewComputeEnvironment(place.name, place.kind)
        environment_id, is_new = await self.compute_environments.ensure(operator, workspace_id, environment)
        compute = await computes.get(environment_id)
        await self.compute_environments.note_capacity(operator, environment_id, await compute.check())
        if is_new:
            with suppress(Conflict):  # somebody has a Studio of that name
                await self.studios.create(
                    viewer, CreateStudioRequest(workspace_id, place.studio, template_id, environment_id, auto_start=False)
                )
        await self.studios.prepare_image(workspace_id, template_id, environment_id)
        return compute

    async def _workspace(self, user_id: str) -> str:
        found = await self.people.find_workspace(NAME)
        if found:
            return found
        organization_id = await self.people.find_organization(NAME) or await self.people.create_organization(NAME, "Demo organization")
        return await self.people.create_workspace(organization_id, NAME, "Demo", user_id)

    async def _token(self, user_id: str, token_file: Path) -> tuple[Viewer, str]:
        kept = read_private(token_file)
        if kept:
            with suppress(Unauthenticated):  # expired or revoked: another one takes its place
                return await self.tokens.authenticate(kept), kept
        _, secret = await self.tokens.issue(user_id, NewToken("make run", frozenset(TokenScope)))
        replace_private(token_file, secret + "\n")
        return await self.tokens.authenticate(secret), secret
