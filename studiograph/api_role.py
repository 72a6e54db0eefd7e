"""Builds the application of the roles `all` and `api`, and the message that a started server prints."""

from contextlib import AsyncExitStack

from services.commands import CommandRunner
from services.compute.registry import Computes
from services.compute_environments.commands import ComputeEnvironments
from services.domain.access import Operator
from services.domain.compute_kinds import KINDS
from services.identity.people import People
from services.services import Services
from services.templates.commands import Templates
from services.templates.recipe_images import recipe_image
from studiograph.app import build_api, build_services
from studiograph.compute_factories import is_allowed, recipe_book
from studiograph.controller_role import build_computes, engine_answers, start_controller
from studiograph.demo_tools import prepare_in_background
from studiograph.first_run import CONTAINERS, DEMO_NAME, ISOLATION_WARNING, PROCESSES, RECIPE, TOKEN_FILE, DemoEnvironment, FirstRun
from studiograph.http_app import HttpApp
from studiograph.operator_errors import OperatorError
from studiograph.proxy_role import build_data_plane
from studiograph.settings import Settings
from studiograph.shared_services import SharedServices

CONTAINERS_MESSAGE = (
    f"A Docker Engine answers: Studios on {CONTAINERS.name!r} run in containers. Their image is built in the background if it is missing."
)
PROCESSES_DISABLED_MESSAGE = (
    f"There are several users, so {PROCESSES.name!r}, where sessions would run as the user of this server, is disabled."
)


async def build(core: SharedServices, settings: Settings, stack: AsyncExitStack, *, with_controller: bool, demo: bool) -> HttpApp:
    """Builds and starts the application, which is closed with the stack."""
    services = build_services(core, settings, stack)
    computes = build_computes(core, settings, stack)
    for kind in KINDS:
        if not is_allowed(settings, kind):
            await ComputeEnvironments(CommandRunner(core.database)).set_enabled(Operator(), kind, enabled=False)
    startup_message = [f"Studiograph serves at {core.addresses.api_origin}"]
    if demo:
        startup_message += await _demo(services, computes, settings, stack)
    if with_controller:
        await start_controller(core, computes, stack)
    api = build_api(core, services, settings, stack)
    plane = await build_data_plane(core, services.tokens, services.connect_codes, api.asgi, stack)

    async def stop() -> None:
        await plane.end_streams()
        await api.stop()

    return HttpApp(plane, stop, startup_message)


async def _demo(services: Services, computes: Computes, settings: Settings, stack: AsyncExitStack) -> list[str]:
    runner = CommandRunner(services.database)
    compute_environments = ComputeEnvironments(runner)
    first_run = FirstRun(services.people, services.tokens, Templates(runner), compute_environments, services.studios)
    token_file = settings.data_dir / TOKEN_FILE
    environments = await _demo_environments(services.people, settings)
    if PROCESSES in environments:
        await compute_environments.set_enabled(Operator(), PROCESSES.kind, enabled=True)
    recipes = recipe_book(settings)
    demo = await first_run.prepare(token_file, computes, environments, await recipe_image(recipes, RECIPE), recipes)
    for kind, compute in demo.computes.items():
        if not KINDS[kind].builds_images:
            prepare_in_background(compute, stack)
    return [
        f"Sign in with the token   {demo.token}",
        f"It belongs to the user {DEMO_NAME} and is stored in {token_file}; `studiograph token create {DEMO_NAME}` creates another.",
        *([ISOLATION_WARNING] if PROCESSES in environments else []),
        *([PROCESSES_DISABLED_MESSAGE] if settings.process_compute and PROCESSES not in environments else []),
        *([CONTAINERS_MESSAGE] if CONTAINERS in environments else []),
        "Ctrl+C stops the server. Sessions continue to run, and the next start takes them over.",
    ]


async def _demo_environments(people: People, settings: Settings) -> list[DemoEnvironment]:
    """Returns where this machine can run the demo's Studios; processes only for an installation of one user. Raises OperatorError
    where it can run none."""
    environments = [PROCESSES] if settings.process_compute and not await people.are_several() else []
    if await engine_answers(settings):
        environments.append(CONTAINERS)
    if not environments:
        reason = "there are several users" if settings.process_compute else "STUDIOGRAPH_PROCESS_COMPUTE is false"
        raise OperatorError(f"No compute environment can run sessions: no Docker Engine answers, and {reason}.")
    return environments
