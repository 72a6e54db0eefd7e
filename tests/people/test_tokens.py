"""Access tokens: their scopes are among those of the token that created them, their secrets are shown once and stored as hashes,
and a revoked token is refused at once."""

import time
from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from sqlalchemy import select, update

from services.commands import CommandRunner
from services.domain.access import Operator, TokenScope, Viewer
from services.domain.errors import Forbidden, InvalidInput, NotFound, QuotaExceeded, Unauthenticated
from services.domain.events import INSTALLATION_STREAM, Kind
from services.identity.requests import RevokeTokenRequest
from services.identity.token_rules import NewToken, TokenLimits
from services.identity.tokens import Tokens
from services.store.db.database import Database
from services.store.tables import core
from tests import factories
from tests.factories import World
from tests.people.rows import logged_events, open_tab

READ = frozenset({TokenScope.READ})
ALL = frozenset(TokenScope)


def codes(error: InvalidInput) -> list[tuple[str, str]]:
    return [(".".join(problem.field), problem.code) for problem in error.problems]


@pytest.mark.behaviour("B94")
async def test_a_new_token_authenticates_its_user_with_its_scopes(tokens: Tokens, world: World) -> None:
    token_id, secret = await tokens.create(world.viewer, NewToken(" CI ", READ))
    viewer = await tokens.authenticate(secret)
    assert (viewer.user_id, viewer.user_name, viewer.token_id, viewer.scopes) == (world.user_id, "ada", token_id, READ)


@pytest.mark.behaviour("B94")
async def test_only_a_hash_of_the_secret_is_stored(tokens: Tokens, world: World, database: Database) -> None:
    token_id, secret = await tokens.create(world.viewer, NewToken("CI", READ))
    async with database.read() as reader:
        row = (await reader.execute(select(core.token).where(core.token.c.id == token_id))).mappings().one()
    assert secret.startswith("sgt_")
    assert row["name"] == "CI"
    assert secret.startswith(row["hint"])
    assert not any(secret in str(value) for value in row.values())


async def test_a_token_without_an_expiry_gets_the_default_one(tokens: Tokens, world: World) -> None:
    _, secret = await tokens.create(world.viewer, NewToken("CI", READ))
    expires_at = (await tokens.authenticate(secret)).expires_at
    assert expires_at is not None
    assert timedelta(days=89) < expires_at - datetime.now(UTC) <= timedelta(days=90)


@pytest.mark.behaviour("B94")
@pytest.mark.parametrize("bearer", ["", "sgt_unknown", "no token", "sgt_ü", "\ud800", "x" * 10_000])
async def test_text_that_is_not_a_token_is_refused(tokens: Tokens, world: World, bearer: str) -> None:
    with pytest.raises(Unauthenticated):
        await tokens.authenticate(bearer)


@pytest.mark.behaviour("B94")
async def test_unknown_expired_and_revoked_tokens_are_refused_with_the_same_message(
    tokens: Tokens, world: World, database: Database
) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    _, expired = await factories.create_token(database, world.user_id, expires_at=past)
    _, revoked = await factories.create_token(database, world.user_id, revoked_at=past)
    answers = set()
    for secret in ("sgt_unknown", expired, revoked):
        with pytest.raises(Unauthenticated) as refusal:
            await tokens.authenticate(secret)
        answers.add((refusal.value.message, refusal.value.code))
    assert len(answers) == 1


async def test_authentication_is_one_statement(tokens: Tokens, world: World, database: Database) -> None:
    fetched: list[object] = []
    fetch = database.statements.fetch

    async def counting(*args: object) -> object:
        fetched.append(args)
        return await fetch(*args)  # type: ignore[arg-type]

    database.statements.fetch = counting  # type: ignore[method-assign, assignment]
    await tokens.authenticate(world.secret)
    assert len(fetched) == 1


@pytest.mark.behaviour("B94")
@pytest.mark.parametrize("scope", [scope for scope in TokenScope if scope is not TokenScope.MANAGE])
async def test_a_token_cannot_create_one_with_more_scopes(tokens: Tokens, world: World, database: Database, scope: TokenScope) -> None:
    creator, _ = await factories.create_token(database, world.user_id, ALL - {scope})
    with pytest.raises(Forbidden, match=scope.value) as refusal:
        await tokens.create(creator, NewToken("more", ALL))
    assert refusal.value.field == ["scopes"]


@pytest.mark.behaviour("B94")
async def test_a_token_without_manage_creates_no_token(tokens: Tokens, world: World, database: Database) -> None:
    creator, _ = await factories.create_token(database, world.user_id, ALL - {TokenScope.MANAGE})
    with pytest.raises(Forbidden, match="MANAGE"):
        await tokens.create(creator, NewToken("same", READ))


async def test_all_problems_of_a_new_token_are_reported_at_once(tokens: Tokens, world: World) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await tokens.create(world.viewer, NewToken(" \n ", frozenset(), datetime(2020, 1, 1, tzinfo=UTC)))
    assert codes(refusal.value) == [("name", "LENGTH"), ("scopes", "REQUIRED"), ("expires_at", "PAST")]


async def test_a_name_of_80_characters_is_accepted_and_one_of_81_is_not(tokens: Tokens, world: World) -> None:
    await tokens.create(world.viewer, NewToken("ä" * 80, READ))
    with pytest.raises(InvalidInput) as refusal:
        await tokens.create(world.viewer, NewToken("ä" * 81, READ))
    assert codes(refusal.value) == [("name", "LENGTH")]


async def test_an_expiry_beyond_a_year_is_refused(tokens: Tokens, world: World) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await tokens.create(world.viewer, NewToken("CI", READ, datetime.now(UTC) + timedelta(days=367)))
    assert codes(refusal.value) == [("expires_at", "TOO_LATE")]


async def test_the_number_of_a_users_valid_tokens_is_limited(database: Database, runner: CommandRunner, world: World) -> None:
    tokens = Tokens(database, runner, TokenLimits(per_user=2))
    await factories.create_token(database, world.user_id, revoked_at=factories.BEGAN)
    token_id, _ = await tokens.create(world.viewer, NewToken("second", READ))
    with pytest.raises(QuotaExceeded):
        await tokens.create(world.viewer, NewToken("third", READ))
    await tokens.revoke(world.viewer, RevokeTokenRequest(token_id))
    await tokens.create(world.viewer, NewToken("third", READ))


async def test_the_operator_issues_tokens_without_expiry(tokens: Tokens, world: World) -> None:
    _, secret = await tokens.issue(Operator(), world.user_id, NewToken("demo", ALL))
    assert (await tokens.authenticate(secret)).expires_at is None
    with pytest.raises(NotFound):
        await tokens.issue(Operator(), "0" * 32, NewToken("nobody", ALL))


@pytest.mark.behaviour("B94")
async def test_a_revoked_token_is_refused_and_logged_on_the_installations_stream(tokens: Tokens, world: World, database: Database) -> None:
    token_id, secret = await tokens.create(world.viewer, NewToken("CI", READ))
    await tokens.revoke(world.viewer, RevokeTokenRequest(token_id))
    await tokens.revoke(world.viewer, RevokeTokenRequest(token_id))
    with pytest.raises(Unauthenticated):
        await tokens.authenticate(secret)
    revoked = await logged_events(database, INSTALLATION_STREAM, Kind.TOKEN_REVOKED)
    assert revoked == [{"token_id": token_id, "for": world.user_id, "studio": None}]


@pytest.mark.behaviour("B94")
async def test_a_revocation_writes_a_connection_error_for_each_session_open_with_that_token(
    tokens: Tokens, world: World, database: Database
) -> None:
    viewer, _ = await factories.create_token(database, world.user_id)
    studio_id = await factories.create_studio(database, world, "Analysis", status="RUNNING", session_number=1)
    other_id = await factories.create_studio(database, world, "Other", status="RUNNING", session_number=1)
    for _ in range(2):
        await open_tab(database, studio_id, world.user_id, viewer.token_id)
    await open_tab(database, other_id, world.user_id, world.viewer.token_id)
    await tokens.revoke(world.viewer, RevokeTokenRequest(viewer.token_id))
    [error] = await logged_events(database, world.workspace_id, Kind.CONNECTION_ERROR)
    assert (error["code"], error["for"], error["studio"], error["token_id"]) == (
        "ACCESS_REVOKED",
        world.user_id,
        studio_id,
        viewer.token_id,
    )
    assert error["retryable"] is False


@pytest.mark.behaviour("B92")
async def test_the_token_of_another_user_looks_absent(tokens: Tokens, world: World, database: Database) -> None:
    stranger, _ = await factories.create_token(database, await factories.create_user(database))
    answers = set()
    for token_id in (world.viewer.token_id, "0" * 32):
        with pytest.raises(NotFound) as refusal:
            await tokens.revoke(stranger, RevokeTokenRequest(token_id))
        answers.add((refusal.value.message, refusal.value.code))
    assert len(answers) == 1
    await tokens.authenticate(world.secret)


async def test_a_token_without_manage_revokes_itself_and_no_other(tokens: Tokens, world: World, database: Database) -> None:
    reader, secret = await factories.create_token(database, world.user_id, READ)
    with pytest.raises(Forbidden, match="MANAGE"):
        await tokens.revoke(reader, RevokeTokenRequest(world.viewer.token_id))
    await tokens.revoke(reader, RevokeTokenRequest(reader.token_id))
    with pytest.raises(Unauthenticated):
        await tokens.authenticate(secret)


async def test_the_operator_revokes_the_token_of_any_user(tokens: Tokens, world: World) -> None:
    await tokens.revoke_any(Operator(), world.viewer.token_id)
    with pytest.raises(Unauthenticated):
        await tokens.authenticate(world.secret)
    with pytest.raises(NotFound):
        await tokens.revoke_any(Operator(), "0" * 32)


async def last_use(database: Database, viewer: Viewer) -> datetime | None:
    async with database.read() as reader:
        statement = select(core.token.c.last_used_at).where(core.token.c.id == viewer.token_id)
        last_used_at: datetime | None = (await reader.execute(statement)).scalar_one()
    return last_used_at


async def test_the_use_of_a_token_is_recorded_once_a_minute(tokens: Tokens, world: World, database: Database) -> None:
    await tokens.authenticate(world.secret)
    await tokens.close()
    first = await last_use(database, world.viewer)
    await tokens.authenticate(world.secret)
    await tokens.close()
    assert first is not None
    assert await last_use(database, world.viewer) == first
    async with database.write() as transaction:
        await transaction.execute(update(core.token).values(last_used_at=first - timedelta(minutes=2)))
    await tokens.authenticate(world.secret)
    await tokens.close()
    second = await last_use(database, world.viewer)
    assert second is not None
    assert second >= first


async def test_a_use_that_cannot_be_recorded_does_not_disturb_the_request(
    tokens: Tokens, world: World, database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("services.store.tokens.record_use", broken)
    assert (await tokens.authenticate(world.secret)).user_id == world.user_id
    await tokens.close()
    assert "could not record the use of a token" in caplog.text


@pytest.mark.postgres
@pytest.mark.behaviour("B94")
async def test_a_token_expires_by_the_clock_of_the_database(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's clock may be wrong by an hour, before or after."""
    setup = Database(postgresql_url)
    world = await factories.create_world(setup)
    await setup.close()
    for hours in (-1, 1):
        database = Database(postgresql_url)
        _, secret = await factories.create_token(database, world.user_id, expires_at=datetime.now(UTC) + timedelta(minutes=30))
        _, expired = await factories.create_token(database, world.user_id, expires_at=datetime.now(UTC) - timedelta(minutes=30))

        class WrongClock(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> "WrongClock":
                return cls.fromtimestamp(time.time() + hours * 3600, tz)  # noqa: B023 - used in this round only

        with monkeypatch.context() as machine:
            machine.setattr("services.store.db.database.datetime", WrongClock)
            tokens = Tokens(database, CommandRunner(database))
            assert (await tokens.authenticate(secret)).user_id == world.user_id
            with pytest.raises(Unauthenticated):
                await tokens.authenticate(expired)
            await tokens.close()
        await database.close()
