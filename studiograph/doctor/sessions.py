"""Finds sessions and saves without a row in the database, on this machine and in its compute environments.

They are removed only with `--prune`, because removal follows rows (docs/architecture.md#controller).
"""

from collections.abc import Sequence

from services.compute.engine_identity import require_recorded_engine
from services.compute.process import ProcessCompute
from services.compute.protocol import Compute, ComputeFailed, ComputeUnknown
from services.compute.verified_compute import VerifiedCompute
from services.domain.compute_kinds import spec_of
from services.domain.session_name import SessionName
from services.store import compute_environments, installation
from services.store import doctor as store
from services.store.compute_environments import EnvironmentState
from services.store.db.database import Database
from studiograph.compute_factories import compute_factories
from studiograph.doctor.check_result import CheckResult, bad, note, ok
from studiograph.settings import Settings

SUBJECT, SAVES = "Sessions", "Saves"
RETRY_ADVICE = "Whether unknown ones exist could not be checked. Try again later."


async def check_sessions(settings: Settings, *, prune: bool) -> list[CheckResult]:
    """Lists the sessions of each location before it reads the rows, so that a session which starts meanwhile has a row by then."""
    database = Database(settings.database)
    try:
        results = []
        for location, compute in await _locations(database, settings):
            try:
                results += [await _check(database, location, compute, prune=prune), await _check_saves(database, location, compute)]
            finally:
                await compute.close()
        return results
    finally:
        await database.close()


async def _locations(database: Database, settings: Settings) -> list[tuple[str, Compute]]:
    """Returns where sessions may be, each with its name in messages; nothing before the first start.

    Sessions that run as the server's user share one location, which is checked even where no compute environment uses it any more.
    """
    async with database.read() as reader:
        installation_id = await installation.find(reader)
        environments = await compute_environments.in_use(reader)
    if installation_id is None:
        return []
    factories = compute_factories(settings, installation_id)
    locations: list[tuple[str, Compute]] = []
    local = [environment for environment in environments if spec_of(environment.kind).runs_as_server_user]
    if local or (settings.data_dir / "sessions").is_dir():
        locations.append(("on this machine", _verified(ProcessCompute(settings.data_dir, installation_id), local)))
    for environment in environments:
        kind = spec_of(environment.kind)
        if not kind.runs_as_server_user:
            locations.append((f"in {environment.name}", _verified(factories[kind.kind](environment), [environment])))
    return locations


def _verified(compute: Compute, environments: Sequence[EnvironmentState]) -> Compute:
    """Compares the engine with the recorded one, and records nothing."""

    async def verify() -> None:
        for environment in environments:
            await require_recorded_engine(compute, environment)

    return VerifiedCompute(compute, verify)


async def _check(database: Database, location: str, compute: Compute, *, prune: bool) -> CheckResult:
    try:
        names = [name for name, _ in await compute.sessions()]
        async with database.read() as reader:
            recorded = await store.known_sessions(reader)
        unknown = [name for name in names if (name.studio_id, name.number) not in recorded]
        if not unknown:
            return ok(SUBJECT, f"{len(names)} {location}, all of them known")
        return await _prune(compute, unknown) if prune else _report(location, unknown)
    except (ComputeFailed, ComputeUnknown) as error:
        return bad(SUBJECT, f"{location}: {error}", RETRY_ADVICE)


async def _check_saves(database: Database, location: str, compute: Compute) -> CheckResult:
    """Reports saves without a row. They are never removed: a restored backup may lack the rows of newer saves."""
    try:
        references = await compute.checkpoints()
    except (ComputeFailed, ComputeUnknown) as error:
        return bad(SAVES, f"{location}: {error}", RETRY_ADVICE)
    async with database.read() as reader:
        recorded = await store.known_saves(reader)
    unknown = [reference for reference in references if reference not in recorded]
    if not unknown:
        return ok(SAVES, f"{len(references)} {location}, all of them known")
    advice = "They remain after a backup was restored. Remove them by hand if you are sure that no other database refers to them."
    return note(SAVES, f"without a checkpoint, {location}: {', '.join(unknown)}", advice)


def _report(location: str, unknown: list[SessionName]) -> CheckResult:
    unknown_names = ", ".join(map(str, unknown))
    return note(
        SUBJECT,
        f"without a Studio, {location}: {unknown_names}",
        "They remain after a backup was restored. `studiograph doctor --prune` removes them.",
    )


async def _prune(compute: Compute, unknown: list[SessionName]) -> CheckResult:
    for name in unknown:
        await compute.remove(name)
    return ok(SUBJECT, f"removed {', '.join(map(str, unknown))}")
