"""Sessions that no row knows, on this machine and on its engines: reported, and removed only when that is asked for (DESIGN 2)."""

from services.compute.process import ProcessCompute
from services.compute.protocol import Compute, ComputeFailed, ComputeUnknown
from services.domain.compute_kinds import spec_of
from services.domain.session_name import SessionName
from services.store import compute_environments, installation
from services.store import doctor as store
from services.store.db.database import Database
from studiograph.compute_factories import compute_factories
from studiograph.doctor.findings import Finding, bad, note, ok
from studiograph.settings import Settings

SUBJECT = "Sessions"


async def check_sessions(settings: Settings, *, prune: bool) -> list[Finding]:
    """Places are looked at before the rows: what starts meanwhile has a row by then."""
    database = Database(settings.database)
    try:
        return [await _visit(database, place, compute, prune=prune) for place, compute in await _places(database, settings)]
    finally:
        await database.close()


async def _places(database: Database, settings: Settings) -> list[tuple[str, Compute]]:
    """Where sessions may be, with words for it. Nowhere before the first start.

    Those that run as the server's user are all in one place, which is looked at also where no compute environment uses it any more.
    """
    async with database.read() as reader:
        found = await installation.find(reader)
        there = await compute_environments.in_use(reader)
    if found is None:
        return []
    factories = compute_factories(settings, found)
    places: list[tuple[str, Compute]] = []
    if (settings.data_dir / "sessions").is_dir():
        places.append(("on this machine", ProcessCompute(settings.data_dir, found)))
    for environment in there:
        kind = spec_of(environment.kind)
        if not kind.runs_as_server_user:
            places.append((f"in {environment.name}", factories[kind.kind](environment)))
    return places


async def _visit(database: Database, place: str, compute: Compute, *, prune: bool) -> Finding:
    try:
        there = [name for name, _ in await compute.sessions()]
        async with database.read() as reader:
            known = await store.known_sessions(reader)
        unknown = [name for name in there if (name.studio_id, name.number) not in known]
        if not unknown:
            return ok(SUBJECT, f"{len(there)} {place}, all of them known")
        return await _prune(compute, unknown) if prune else _report(place, unknown)
    except (ComputeFailed, ComputeUnknown) as error:
        return bad(SUBJECT, f"{place}: {error}", "Nothing is concluded from that; look again later.")
    finally:
        await compute.close()


def _report(place: str, unknown: list[SessionName]) -> Finding:
    names = ", ".join(map(str, unknown))
    return note(
        SUBJECT, f"no Studio knows these, {place}: {names}", "A restored backup leaves such. `studiograph doctor --prune` removes them."
    )


async def _prune(compute: Compute, unknown: list[SessionName]) -> Finding:
    for name in unknown:
        await compute.remove(name)
    return ok(SUBJECT, f"removed {', '.join(map(str, unknown))}")
