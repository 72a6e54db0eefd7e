"""Checks the installation: the database, its content, and the secret key."""

import asyncio

from services.secrets.secret_box import CannotOpen, SecretBox
from services.store import doctor as store
from services.store import migrate
from services.store.db.database import Database
from services.store.installation import find, key_proof
from studiograph.doctor.check_result import CheckResult, bad, note, ok
from studiograph.doctor.sessions import check_sessions
from studiograph.private_files import KEY_FILE, installation_key
from studiograph.settings import Settings
from studiograph.shared_services import KEY_ADVICE, WRONG_KEY

DATABASE_TIMEOUT_S = 5.0


async def check_installation(settings: Settings, *, prune: bool) -> list[CheckResult]:
    """Checks the database first, because all other checks read it. `prune` removes sessions that belong to no Studio."""
    if settings.is_sqlite and not (settings.data_dir / "studiograph.db").exists() and not settings.database_url:
        return [note("Database", "not created yet", "`make run` creates one with a demo; `studiograph migrate` creates an empty one.")]
    problem = await _database(settings)
    if problem:
        return [problem]
    database = Database(settings.database)
    try:
        async with database.read() as reader:
            counts, proof = await store.counts(reader), await key_proof(reader)
    finally:
        await database.close()
    results = [ok("Database", f"{database.dialect}, up to date"), _key(settings, proof), *_contents(counts)]
    return [*results, *await check_sessions(settings, prune=prune)]


async def installation_id(settings: Settings) -> str | None:
    """Returns the id of the installation that the settings name; None if its database is missing or does not answer."""
    if await _database(settings):
        return None
    database = Database(settings.database)
    try:
        async with database.read() as reader:
            return await find(reader)
    finally:
        await database.close()


async def _database(settings: Settings) -> CheckResult | None:
    try:
        async with asyncio.timeout(DATABASE_TIMEOUT_S):
            await migrate.check_current(settings.database)
    except migrate.SchemaError as error:
        return bad("Database", str(error), "")
    except Exception as error:  # noqa: BLE001 - every error of a driver is shown to the operator
        return bad(
            "Database",
            f"does not answer: {error or type(error).__name__}",
            "Check STUDIOGRAPH_DATABASE_URL, and that the database server runs.",
        )
    return None


def _key(settings: Settings, proof: str | None) -> CheckResult:
    if not settings.secret_key and not (settings.data_dir / KEY_FILE).exists():
        if proof is not None:
            return bad("Secret key", "is missing, and this database's secrets were encrypted with it.", KEY_ADVICE)
        return note(
            "Secret key",
            "not created yet",
            "The first start creates it. Back it up with the database: secrets cannot be decrypted without it.",
        )
    try:
        box = SecretBox(installation_key(settings.data_dir, settings.secret_key))
        if proof is not None:
            box.open(proof)
    except CannotOpen:
        return bad("Secret key", WRONG_KEY, KEY_ADVICE)
    except ValueError:
        return bad(
            "Secret key", "is not a key (32 bytes in url-safe base64)", "Restore the right one: secrets cannot be decrypted without it."
        )
    return ok("Secret key", "found")


def _contents(counts: store.Counts) -> list[CheckResult]:
    counted_nouns = [(counts.users, "user"), (counts.workspaces, "workspace"), (counts.studios, "Studio")]
    content = ", ".join(f"{number} {noun}{'' if number == 1 else 's'}" for number, noun in counted_nouns) + f" ({counts.running} running)"
    return [
        ok("Content", content)
        if counts.users
        else note("Content", "no user yet", "`studiograph user add NAME`, or `make run` for a demo."),
        _at_least_one(
            "Templates", counts.templates, "Without one no Studio can be added: `studiograph template add`, or `make run` for a demo."
        ),
        _at_least_one(
            "Compute environments",
            counts.environments,
            "Without one no Studio can start: `studiograph compute add`, or `make run` for a demo.",
        ),
    ]


def _at_least_one(subject: str, count: int, advice: str) -> CheckResult:
    return ok(subject, str(count)) if count else note(subject, "none", advice)
