"""What `make run` finds or makes: a workspace to try, a user with a token, JupyterLab, this machine as compute environment."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from services.access import TokenScope, Viewer
from services.catalogue import Catalogue, NewTemplate
from services.compute.kinds import PROCESS
from services.compute.protocol import Compute, ImageSpec
from services.compute.registry import Computes
from services.errors import Conflict, Unauthenticated
from services.people import People
from services.statuses import Tool
from services.studios.inputs import CreateStudio
from services.studios.studios import Studios
from services.token_rules import NewToken
from services.tokens import Tokens
from studiograph.secrets import read_private, replace_private

NAME = "demo"
STUDIO_NAME = "First look"
TOKEN_FILE = "demo-token"  # noqa: S105 - the name of a file
JUPYTERLAB = ImageSpec(Tool.JUPYTERLAB, "jupyterlab", "4.6.6")
WARNING = "Sessions run as the user of this server, without isolation: try it with code you trust, and share it with nobody."


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo user's token, which is kept in a file (0600) since the store has only its hash; and where its sessions run."""

    token: str
    compute: Compute


@dataclass(frozen=True, slots=True)
class FirstRun:
    """Everything under one name, each found before it is made: a second run changes nothing."""

    people: People
    tokens: Tokens
    catalogue: Catalogue
    studios: Studios

    async def prepare(self, token_file: Path, computes: Computes) -> Demo:
        """Raises ComputeFailed and ComputeUnknown where this machine cannot run sessions."""
        user_id = await self.people.find_user(NAME) or await self.people.create_user(NAME, "Demo user")
        workspace_id = await self._workspace(user_id)
        new = NewTemplate("JupyterLab", Tool.JUPYTERLAB, JUPYTERLAB.image, JUPYTERLAB.tool_version)
        template_id = await self.catalogue.ensure_template(workspace_id, new)
        environment_id = await self.catalogue.ensure_environment(workspace_id, "This machine", PROCESS)
        compute = await computes.get(environment_id)
        await self.catalogue.note_capacity(environment_id, await compute.check())
        viewer, secret, is_new = await self._token(user_id, token_file)
        if is_new:
            await self._studio(viewer, CreateStudio(workspace_id, STUDIO_NAME, template_id, environment_id, auto_start=False))
        return Demo(secret, compute)

    async def _workspace(self, user_id: str) -> str:
        found = await self.people.find_workspace(NAME)
        if found:
            return found
        organisation_id = await self.people.find_organisation(NAME) or await self.people.create_organisation(NAME, "Demo organisation")
        return await self.people.create_workspace(organisation_id, NAME, "Demo", user_id)

    async def _token(self, user_id: str, token_file: Path) -> tuple[Viewer, str, bool]:
        kept = read_private(token_file)
        if kept:
            with suppress(Unauthenticated):  # expired or revoked: another one takes its place
                return await self.tokens.authenticate(kept), kept, False
        _, secret = await self.tokens.issue(user_id, NewToken("make run", frozenset(TokenScope)))
        replace_private(token_file, secret + "\n")
        return await self.tokens.authenticate(secret), secret, True

    async def _studio(self, viewer: Viewer, new: CreateStudio) -> None:
        with suppress(Conflict):  # it is there: only the token is new
            await self.studios.create(viewer, new)
