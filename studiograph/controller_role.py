"""Builds and starts the controller of a server, alone (role `controller`) or beside the API."""

import asyncio
import signal
from contextlib import AsyncExitStack

from services.compute.protocol import ComputeFailed, ComputeUnknown
from services.compute.registry import Computes
from services.controller.builds.builder import Builder
from services.controller.controller import Controller
from services.controller.controller_services import ControllerServices
from services.controller.lifecycle.environment_observer import EnvironmentObserver
from services.controller.logs.log_collector import LogCollector
from services.controller.maintenance.checkpoint_audit import CheckpointAudit
from services.controller.maintenance.checkpoint_flattener import CheckpointFlattener
from services.controller.maintenance.resource_cleaner import ResourceCleaner
from services.controller.maintenance.retention import RetentionLoop
from services.controller.migration.checker import MigrationChecker
from services.controller.stats.stats_sampler import StatsSampler
from studiograph.compute_factories import compute_factories, engine_probe, is_allowed
from studiograph.metrics_server import serve_metrics
from studiograph.settings import Settings
from studiograph.shared_services import SharedServices, open_shared_services

ENGINE_TIMEOUT_S = 2.0


def build_computes(core: SharedServices, settings: Settings, stack: AsyncExitStack) -> Computes:
    """Returns the compute clients of the kinds that this server may use; they are closed with the stack."""
    factories = compute_factories(settings, core.installation)
    computes = Computes(core.database, {kind: factory for kind, factory in factories.items() if is_allowed(settings, kind)})
    stack.push_async_callback(computes.close)
    return computes


async def start_controller(core: SharedServices, computes: Computes, stack: AsyncExitStack) -> None:
    """Starts all parts of the controller, which stop with the stack. Sessions continue to run."""
    services = ControllerServices(core.database, computes, core.policy, core.box, core.installation)
    retention = RetentionLoop(core.database, core.policy.event_retention)
    parts = (
        ResourceCleaner(services),
        EnvironmentObserver(services),
        CheckpointAudit(services, core.wakeups),
        CheckpointFlattener(services),
        MigrationChecker(services, core.wakeups),
        StatsSampler(services),
        LogCollector(services, core.wakeups),
        Controller(services, core.wakeups),
    )
    for part in (*parts, Builder(services, core.wakeups), retention):
        await part.start()
        stack.push_async_callback(part.close)


async def control(settings: Settings) -> None:
    """Runs a process of the role `controller` until SIGINT or SIGTERM."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        core = await open_shared_services(settings, settings.port, stack)
        await start_controller(core, build_computes(core, settings, stack), stack)
        await serve_metrics(core.exposition, settings, stack)
        print("Studiograph's controller works.", flush=True)  # noqa: T201 - what the operator waits for
        await stopped.wait()


async def engine_answers(settings: Settings) -> bool:
    """Returns whether the settings' Docker Engine answers within ENGINE_TIMEOUT_S."""
    compute = engine_probe(settings)
    try:
        async with asyncio.timeout(ENGINE_TIMEOUT_S):
            await compute.inspect()
        return True
    except (ComputeFailed, ComputeUnknown, TimeoutError):
        return False
    finally:
        await compute.close()
