"""The controller's part of a server, alone or beside the API: what makes true what commands intend."""

import asyncio
import signal
from contextlib import AsyncExitStack

from services.compute.docker import DockerCompute, RecipeBook
from services.compute.process import ProcessCompute
from services.compute.protocol import Compute, ComputeFailed, ComputeUnknown
from services.compute.registry import Computes, Factory
from services.controller.builds.builder import Builder
from services.controller.controller import Controller
from services.controller.controller_services import ControllerServices
from services.controller.lifecycle.observer import Observer
from services.controller.logs.log_collector import LogCollector
from services.controller.maintenance.resource_cleaner import ResourceCleaner
from services.controller.maintenance.retention import RetentionLoop
from services.controller.stats.stats_sampler import StatsSampler
from services.domain.compute_kinds import DOCKER, PROCESS
from services.store.compute_environments import EnvironmentState
from studiograph.settings import Settings
from studiograph.shared_services import SharedServices, open_shared_services

ENGINE_SECONDS = 2.0


def build_computes(core: SharedServices, settings: Settings, stack: AsyncExitStack) -> Computes:
    """A `Compute` for each environment, of the kinds that this server may use."""
    computes = Computes(core.database, _factories(core, settings))
    stack.push_async_callback(computes.close)
    return computes


async def start_controller(core: SharedServices, computes: Computes, stack: AsyncExitStack) -> None:
    """Begin to work, and stop with the stack; sessions run on."""
    services = ControllerServices(core.database, computes, core.policy, core.box, core.installation)
    trimmer = RetentionLoop(core.database, core.policy.event_retention)
    parts = (
        ResourceCleaner(services),
        Observer(services),
        StatsSampler(services),
        LogCollector(services, core.wakeups),
        Controller(services, core.wakeups),
    )
    for part in (*parts, Builder(services, core.wakeups), trimmer):
        await part.start()
        stack.push_async_callback(part.close)


async def control(settings: Settings) -> None:
    """A process that only controls, until SIGINT or SIGTERM."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        core = await open_shared_services(settings, settings.port, stack)
        await start_controller(core, build_computes(core, settings, stack), stack)
        print("Studiograph's controller works.", flush=True)  # noqa: T201 - what the operator waits for
        await stopped.wait()


def docker_compute(settings: Settings) -> DockerCompute:
    """The engine that the settings name, to look at: no session is called like this."""
    return DockerCompute(settings.docker_url, "none", "none", pool=settings.docker_subnets)


async def engine_answers(settings: Settings) -> bool:
    """Whether there is a Docker Engine that this server may use, without waiting for one that hangs."""
    compute = docker_compute(settings)
    try:
        async with asyncio.timeout(ENGINE_SECONDS):
            await compute.look()
        return True
    except (ComputeFailed, ComputeUnknown, TimeoutError):
        return False
    finally:
        await compute.close()


def recipe_book(settings: Settings) -> RecipeBook:
    """What this server can build, as the settings say."""
    return RecipeBook(settings.image_base, settings.image_certificates, settings.images_dir)


def _factories(core: SharedServices, settings: Settings) -> dict[str, Factory]:
    def process(_environment: EnvironmentState) -> Compute:
        return ProcessCompute(settings.data_dir, core.installation)

    recipes = recipe_book(settings)

    def docker(environment: EnvironmentState) -> Compute:
        url = (environment.settings or {}).get("url") or settings.docker_url
        return DockerCompute(url, core.installation, environment.id, pool=settings.docker_subnets, recipes=recipes)

    made: dict[str, Factory] = {DOCKER: docker}
    return made | {PROCESS: process} if settings.process_compute else made
