"""Sessions on this machine that no row knows: reported, and removed only when that is asked for (DESIGN 2)."""

from collections.abc import Awaitable, Callable

from services.compute.process import ProcessCompute
from services.compute.protocol import ComputeFailed, ComputeUnknown, SessionName
from services.store import doctor as store
from services.store import installation
from services.store.database import Database
from studiograph.doctor.findings import Finding, bad, note, ok
from studiograph.settings import Settings

SUBJECT = "Sessions"
Visit = Callable[[ProcessCompute, list[SessionName]], Awaitable[Finding]]


async def check_sessions(settings: Settings, *, prune: bool) -> list[Finding]:
    """Nothing to say before the first start. The machine is looked at before the rows: what starts meanwhile has a row by then."""
    if not (settings.data_dir / "sessions").is_dir():
        return []
    database = Database(settings.database)
    try:
        return [await _check(database, settings, _prune if prune else _report)]
    except (ComputeFailed, ComputeUnknown) as error:
        return [bad(SUBJECT, str(error), "Nothing is concluded from that; look again later.")]
    finally:
        await database.close()


async def _check(database: Database, settings: Settings, visit: Visit) -> Finding:
    async with database.read() as reader:
        found = await installation.find(reader)
    if found is None:
        return ok(SUBJECT, "none")
    compute = ProcessCompute(settings.data_dir, found)
    there = [name for name, _ in await compute.sessions()]
    async with database.read() as reader:
        known = await store.known_sessions(reader)
    unknown = [name for name in there if (name.studio_id, name.number) not in known]
    return await visit(compute, unknown) if unknown else ok(SUBJECT, f"{len(there)} on this machine, all of them known")


async def _report(_compute: ProcessCompute, unknown: list[SessionName]) -> Finding:
    names = ", ".join(map(str, unknown))
    return note(SUBJECT, f"no Studio knows these: {names}", "A restored backup leaves such. `studiograph doctor --prune` removes them.")


async def _prune(compute: ProcessCompute, unknown: list[SessionName]) -> Finding:
    for name in unknown:
        await compute.remove(name)
    return ok(SUBJECT, f"removed {', '.join(map(str, unknown))}")
