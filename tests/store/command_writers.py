"""The transactions of users' and operators' commands, as `tests.store.writers` wants them."""

from services.compute.protocol import Report
from services.compute_environments.commands import NewComputeEnvironment
from services.domain.access import Role, TokenScope
from services.domain.statuses import ComputeKind, Tool
from services.identity.requests import AddMemberRequest, RemoveMemberRequest, RevokeTokenRequest, UpdateMemberRequest
from services.identity.token_rules import NewToken
from services.studios.environment_removal import EnvironmentRemoval
from services.studios.requests import (
    CheckpointNowRequest,
    CreateStudioRequest,
    DiscardMigrationRequest,
    RenameCheckpointRequest,
    StartStudioRequest,
    StopStudioRequest,
    StudioActionRequest,
    UpdateStudioRequest,
)
from services.templates.recipe_images import RecipeImage
from services.templates.requests import CreateTemplateRequest, NewTemplate, RefreshTemplatesRequest, TemplateChanges, UpdateTemplateRequest
from services.workspaces.requests import LimitChanges, SettingsChanges, UpdateWorkspaceSettingsRequest
from tests.store.scene import POLICY, WriterScene
from tests.store.writers import Writers

COMMANDS = Writers()
STUDIOS = "services.studios.studios:Studios"
CHECKPOINTS = "services.checkpoints.commands:Checkpoints"
TOKENS = "services.identity.tokens:Tokens"
ENVIRONMENTS = "services.compute_environments.commands:ComputeEnvironments"
WORKSPACES = "services.workspaces.commands:WorkspaceCommands"
TEMPLATES = "services.templates.commands:Templates"
MANAGEMENT = "services.templates.management:TemplateManagement"
PEOPLE = "services.identity.people:People"
MEMBERS = "services.identity.members:Members"
DIRECTORY = "services.identity.directory:UserDirectory"


@COMMANDS.runs(f"{STUDIOS}._run", "services.commands:CommandRunner.run")
async def create_a_studio(scene: WriterScene) -> None:
    request = CreateStudioRequest(scene.world.workspace_id, "New", scene.world.template_id, idempotency_key="create")
    await scene.studios.create(scene.world.viewer, request)


@COMMANDS.runs()
async def start(scene: WriterScene) -> None:
    await scene.studios.start(scene.world.viewer, StartStudioRequest(scene.ids.stopped))


@COMMANDS.runs()
async def start_with_an_idempotency_key(scene: WriterScene) -> None:
    await scene.studios.start(scene.world.viewer, StartStudioRequest(scene.ids.stopped, idempotency_key="key"))


@COMMANDS.runs()
async def stop(scene: WriterScene) -> None:
    await scene.studios.stop(scene.world.viewer, StopStudioRequest(scene.ids.running))


@COMMANDS.runs()
async def cancel_a_build(scene: WriterScene) -> None:
    await scene.studios.stop(scene.world.viewer, StopStudioRequest(scene.ids.building))


@COMMANDS.runs()
async def edit(scene: WriterScene) -> None:
    await scene.studios.update(scene.world.viewer, UpdateStudioRequest(scene.ids.running, description="new", expected_revision=1))


@COMMANDS.runs()
async def delete(scene: WriterScene) -> None:
    await scene.studios.delete(scene.world.viewer, StudioActionRequest(scene.ids.stopped))


@COMMANDS.runs()
async def discard_a_migration(scene: WriterScene) -> None:
    await scene.studios.discard_migration(scene.world.viewer, DiscardMigrationRequest(scene.ids.running))


@COMMANDS.runs()
async def star(scene: WriterScene) -> None:
    await scene.studios.star(scene.world.viewer, StudioActionRequest(scene.ids.running))


@COMMANDS.runs(f"{STUDIOS}.prepare_image")
async def prepare_an_image(scene: WriterScene) -> None:
    await scene.studios.prepare_image(scene.world.workspace_id, scene.world.template_id, scene.ids.environment.id)


@COMMANDS.runs(f"{CHECKPOINTS}.save_now")
async def save_now(scene: WriterScene) -> None:
    await scene.checkpoints.save_now(scene.world.viewer, CheckpointNowRequest(scene.ids.running))


@COMMANDS.runs(f"{CHECKPOINTS}._on_checkpoint")
async def rename_a_checkpoint(scene: WriterScene) -> None:
    await scene.checkpoints.rename(scene.world.viewer, RenameCheckpointRequest(scene.ids.checkpoint, "Renamed"))


@COMMANDS.runs(f"{MEMBERS}.add")
async def add_a_member(scene: WriterScene) -> None:
    await scene.members.add(scene.world.viewer, AddMemberRequest(scene.world.workspace_id, "carol", Role.VIEW))


@COMMANDS.runs(f"{MEMBERS}.update")
async def change_a_role(scene: WriterScene) -> None:
    await scene.members.update(scene.world.viewer, UpdateMemberRequest(scene.membership, Role.VIEW))


@COMMANDS.runs(f"{MEMBERS}.remove")
async def remove_a_member(scene: WriterScene) -> None:
    await scene.members.remove(scene.world.viewer, RemoveMemberRequest(scene.membership))


@COMMANDS.runs(f"{TOKENS}.create")
async def create_a_token(scene: WriterScene) -> None:
    await scene.tokens.create(scene.world.viewer, NewToken("new", [TokenScope.READ]))


@COMMANDS.runs(f"{TOKENS}.issue", "services.commands:CommandRunner.run_for_operator")
async def issue_a_token(scene: WriterScene) -> None:
    await scene.tokens.issue(scene.operator, scene.world.user_id, NewToken("new", [TokenScope.READ]))


@COMMANDS.runs(f"{TOKENS}.revoke")
async def revoke_a_token(scene: WriterScene) -> None:
    await scene.tokens.revoke(scene.world.viewer, RevokeTokenRequest(scene.world.viewer.token_id))


@COMMANDS.runs(f"{TOKENS}.revoke_any")
async def revoke_a_token_as_operator(scene: WriterScene) -> None:
    await scene.tokens.revoke_any(scene.operator, scene.world.viewer.token_id)


@COMMANDS.runs("services.identity.logins:Logins.sign_in")
async def sign_in(scene: WriterScene) -> None:
    await scene.logins.sign_in(scene.world.secret, scene.ids.login)


@COMMANDS.runs("services.identity.logins:Logins.sign_out")
async def sign_out(scene: WriterScene) -> None:
    await scene.logins.sign_out(scene.ids.login)


@COMMANDS.runs("services.connections.connect_codes:ConnectCodes.issue", "services.connections.connect_codes:ConnectCodes.issue_tool_code")
async def issue_a_code(scene: WriterScene) -> None:
    await scene.codes.issue(scene.world.viewer, scene.ids.running)


@COMMANDS.runs("services.connections.connect_codes:ConnectCodes.redeem")
async def redeem_a_code(scene: WriterScene) -> None:
    await scene.codes.redeem("sgc_unknown", "http://a.localhost:8000")


@COMMANDS.runs(f"{PEOPLE}.create_user")
async def create_a_user(scene: WriterScene) -> None:
    await scene.people.create_user(scene.operator, "carol")


@COMMANDS.runs(f"{PEOPLE}.create_organization")
async def create_an_organization(scene: WriterScene) -> None:
    await scene.people.create_organization(scene.operator, "second", "Second")


@COMMANDS.runs(f"{PEOPLE}.create_workspace")
async def create_a_workspace(scene: WriterScene) -> None:
    await scene.people.create_workspace(scene.operator, scene.world.organization_id, "second", "Second", scene.world.user_id)


@COMMANDS.runs(f"{PEOPLE}.join")
async def join_as_operator(scene: WriterScene) -> None:
    await scene.people.join(scene.operator, scene.world.workspace_id, scene.ids.member, Role.VIEW)


@COMMANDS.runs(f"{DIRECTORY}.edit_user")
async def edit_a_user(scene: WriterScene) -> None:
    await scene.directory.edit_user(scene.operator, await scene.directory.find_user("bob"), display_name="Bob")


@COMMANDS.runs(f"{DIRECTORY}.remove_user")
async def remove_a_user(scene: WriterScene) -> None:
    await scene.directory.remove_user(scene.operator, await scene.directory.find_user("bob"))


@COMMANDS.runs(f"{DIRECTORY}.rename_workspace", f"{DIRECTORY}.remove_workspace")
async def rename_a_workspace(scene: WriterScene) -> None:
    await scene.directory.rename_workspace(scene.operator, await scene.directory.find_workspace("lab"), "Laboratory")


@COMMANDS.runs(f"{WORKSPACES}.update_settings", f"{WORKSPACES}.edit_settings")
async def change_the_settings(scene: WriterScene) -> None:
    request = UpdateWorkspaceSettingsRequest(
        scene.world.workspace_id, SettingsChanges(idle_minutes=5, checkpoint_interval_seconds=60), "settings"
    )
    await scene.workspaces.update_settings(scene.world.viewer, request)


@COMMANDS.runs(f"{WORKSPACES}.limit_organization")
async def limit_the_organization(scene: WriterScene) -> None:
    organization = await scene.directory.find_organization("acme")
    await scene.workspaces.limit_organization(scene.operator, organization, LimitChanges(max_cpu=100.0))


@COMMANDS.runs(f"{WORKSPACES}.limit_environment")
async def limit_an_environment(scene: WriterScene) -> None:
    await scene.workspaces.limit_environment(scene.operator, scene.ids.environment, LimitChanges(max_gpu=1))


@COMMANDS.runs(f"{ENVIRONMENTS}.ensure", f"{ENVIRONMENTS}.add")
async def add_an_environment(scene: WriterScene) -> None:
    await scene.environments.add(scene.operator, scene.world.workspace_id, NewComputeEnvironment("New", ComputeKind.DOCKER))


@COMMANDS.runs(f"{ENVIRONMENTS}.edit")
async def edit_an_environment(scene: WriterScene) -> None:
    await scene.environments.edit(scene.operator, scene.ids.environment, name="There")


@COMMANDS.runs(f"{ENVIRONMENTS}.switch")
async def switch_an_environment(scene: WriterScene) -> None:
    await scene.environments.switch(scene.operator, scene.ids.environment, enabled=False)


@COMMANDS.runs(f"{ENVIRONMENTS}.remove")
async def remove_an_environment(scene: WriterScene) -> None:
    await scene.environments.remove(scene.operator, scene.ids.environment)


@COMMANDS.runs(f"{ENVIRONMENTS}.adopt_engine")
async def adopt_an_engine(scene: WriterScene) -> None:
    await scene.environments.adopt_engine(scene.operator, scene.ids.environment, "e" * 32)


@COMMANDS.runs(f"{ENVIRONMENTS}.set_enabled")
async def disable_a_kind(scene: WriterScene) -> None:
    await scene.environments.set_enabled(scene.operator, ComputeKind.DOCKER, enabled=False)


@COMMANDS.runs(f"{ENVIRONMENTS}.record_capacity")
async def record_the_capacity(scene: WriterScene) -> None:
    await scene.environments.record_capacity(scene.operator, scene.ids.environment.id, Report(cpu=2, memory_mib=1024, gpu=0))


@COMMANDS.runs("services.studios.environment_removal:EnvironmentRemoval.stop_sessions")
async def stop_the_sessions_of_an_environment(scene: WriterScene) -> None:
    await EnvironmentRemoval(scene.runner, POLICY).stop_sessions(scene.operator, scene.ids.environment)


@COMMANDS.runs(f"{TEMPLATES}.add")
async def add_a_template(scene: WriterScene) -> None:
    await scene.templates.add(scene.operator, scene.world.workspace_id, NewTemplate("New", Tool.CUSTOM, "true", "1.0"))


@COMMANDS.runs(f"{TEMPLATES}.ensure")
async def ensure_the_template_of_a_recipe(scene: WriterScene) -> None:
    image = RecipeImage("jupyter", "studiograph/jupyter:4.6.6-new", scene.recipes.release("jupyter"))
    template = NewTemplate("JupyterLab", Tool.JUPYTERLAB, image.reference, "4.6.6", "jupyter")
    await scene.templates.ensure(scene.operator, scene.world.workspace_id, template, image)


@COMMANDS.runs(f"{TEMPLATES}.edit")
async def edit_a_template(scene: WriterScene) -> None:
    template, _ = await scene.templates.find(scene.world.workspace_id, "Tiny")
    await scene.templates.edit(scene.operator, template, TemplateChanges(name="Small"))


@COMMANDS.runs(f"{TEMPLATES}.remove")
async def remove_a_template(scene: WriterScene) -> None:
    template, _ = await scene.templates.find(scene.world.workspace_id, "Tiny")
    await scene.templates.remove(scene.operator, template)


@COMMANDS.runs(f"{TEMPLATES}.refresh")
async def refresh_the_templates(scene: WriterScene) -> None:
    await scene.templates.refresh(scene.operator, scene.world.workspace_id, scene.recipes)


@COMMANDS.runs(f"{MANAGEMENT}.create")
async def create_a_template_as_a_member(scene: WriterScene) -> None:
    request = CreateTemplateRequest(scene.world.workspace_id, "Lab", recipe="jupyter", idempotency_key="template")
    await scene.template_management.create(scene.world.viewer, request)


@COMMANDS.runs(f"{MANAGEMENT}.update")
async def update_a_template_as_a_member(scene: WriterScene) -> None:
    request = UpdateTemplateRequest(scene.world.template_id, TemplateChanges(port=2718), idempotency_key="template")
    await scene.template_management.update(scene.world.viewer, request)


@COMMANDS.runs(f"{MANAGEMENT}.refresh")
async def refresh_the_templates_as_a_member(scene: WriterScene) -> None:
    request = RefreshTemplatesRequest(scene.world.workspace_id, idempotency_key="template")
    await scene.template_management.refresh(scene.world.viewer, request)
