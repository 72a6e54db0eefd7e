"""The roles `all` and `api`: what they are made of, and what they say when they are up."""

from contextlib import AsyncExitStack

from services.commands import CommandRunner
from services.compute.registry import Computes
from services.compute_environments.commands import ComputeEnvironments
from services.domain.access import Operator
from services.domain.compute_kinds import KINDS
from services.identity.people import People
from services.services import Services
from services.templates.commands import Templates
from studiograph.app import build_api, build_services
from studiograph.compute_factories import is_allowed, recipe_book
from studiograph.controller_role import build_computes, engine_answers, start_controller
from studiograph.demo_tools import prepare_in_background
from studiograph.first_run import CONTAINERS, NAME, PROCESSES, RECIPE, TOKEN_FILE, WARNING, FirstRun, Place
from studiograph.http_app import Served
from studiograph.operator_errors import OperatorError
from studiograph.proxy_role import build_data_plane
from studiograph.settings import Settings
from studiograph.shared_services import SharedServices

CONTAINED = (
    f"A Docker Engine answers: those on {CONTAINERS.name!r} run in containers. Their image is built in the background where it is missing."
)
ALONE = f"There are several users: {PROCESSES.name!r}, where sessions would run as the user of this server, is left out."


async def build(core: SharedServices, settings: Settings, stack: AsyncExitStack, *, with_controller: bool, demo: bool) -> Served:
    """Started; closed with the stack."""
    services = build_services(core, settings, stack)
    computes = build_computes(core, settings, stack)
    for kind in KINDS:
        if not is_allowed(settings, kind):
            await ComputeEnvironments(CommandRunner(core.database)).set_enabled(Operator(), kind, enabled=False)
    announcement = [f"Studiograph serves at {core.addresses.api_origin}"]
    if demo:
        announcement += await _demo(services, computes, settings, stack)
    if with_controller:
        await start_controller(core, computes, stack)
    api = build_api(core, services, settings, stack)
    plane = await build_data_plane(core, services.tokens, services.connect_codes, api.asgi, stack)

    async def stop() -> None:
        await plane.end_streams()
        await api.stop()

    return Served(plane, stop, announcement)


async def _demo(services: Services, computes: Computes, settings: Settings, stack: AsyncExitStack) -> list[str]:
    runner = CommandRunner(services.database)
    compute_environments = ComputeEnvironments(runner)
    first = FirstRun(services.people, services.tokens, Templates(runner), compute_environments, services.studios)
    token_file = settings.data_dir / TOKEN_FILE
    places = await _places(services.people, settings)
    if PROCESSES in places:
        await compute_environments.set_enabled(Operator(), PROCESSES.kind, enabled=True)
    made = await first.prepare(token_file, computes, places, recipe_book(settings).reference(RECIPE))
    for kind, compute in made.computes.items():
        if not KINDS[kind].builds_images:
            prepare_in_background(compute, stack)
    return [
        f"Sign in with the token   {made.token}",
        f"It is the user {NAME}'s, and kept in {token_file}; `studiograph token create {NAME}` makes another.",
        *([WARNING] if PROCESSES in places else []),
        *([ALONE] if settings.process_compute and PROCESSES not in places else []),
        *([CONTAINED] if CONTAINERS in places else []),
        "Ctrl+C stops the server; sessions run on, and are found again.",
    ]


async def _places(people: People, settings: Settings) -> list[Place]:
    """Raises Refused where this machine can run nothing. Sessions as the server's own user are for one person."""
    places = [PROCESSES] if settings.process_compute and not await people.are_several() else []
    if await engine_answers(settings):
        places.append(CONTAINERS)
    if not places:
        why = "several users are there" if settings.process_compute else "STUDIOGRAPH_PROCESS_COMPUTE is false"
        raise OperatorError(f"There is nowhere to run sessions: no Docker Engine answers, and {why}.")
    return places
