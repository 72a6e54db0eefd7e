"""Rows for tests: each function writes one thing and returns its id, with what the test does not care about filled in.

`create_world` writes all that a Studio needs; any column can be given by name: `create_studio(database, world, status="RUNNING")`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Table, insert, update

from services.domain.access import Role, TokenScope, Viewer
from services.domain.actor import Actor
from services.domain.events import INSTALLATION_STREAM
from services.domain.ids import new_id, new_public_id, new_secret, secret_hash
from services.domain.names import name_key
from services.domain.statuses import CheckpointStatus, MigrationState, OperationKind, OperationState, StudioStatus, Tool
from services.store import outbox
from services.store.db.database import Database
from services.store.tables import core

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
"""When the rows of tests were created, unless a test says otherwise."""


@dataclass(frozen=True, slots=True)
class World:
    """All that a Studio needs, and its owner's token."""

    installation_id: str
    organization_id: str
    workspace_id: str
    template_id: str
    compute_environment_id: str
    viewer: Viewer
    secret: str

    @property
    def user_id(self) -> str:
        return self.viewer.user_id


async def _insert(database: Database, table: Table, defaults: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    row = {**defaults, **values}
    async with database.write(durable=False) as transaction:
        await transaction.execute(insert(table).values(**row))
    return row


async def _insert_named(database: Database, table: Table, name: str, defaults: dict[str, Any], values: dict[str, Any]) -> str:
    defaults = {"id": new_id(), "name": name, "name_key": name_key(name), "created_at": BEGAN, **defaults}
    return str((await _insert(database, table, defaults, values))["id"])


async def create_installation(database: Database, **values: Any) -> str:
    """The one row, and the installation's stream."""
    row = await _insert(database, core.installation, {"id": new_id(), "created_at": BEGAN}, values)
    async with database.write(durable=False) as transaction:
        await outbox.create_stream(transaction, INSTALLATION_STREAM)
    return str(row["id"])


async def create_organization(database: Database, slug: str | None = None, **values: Any) -> str:
    slug = slug or f"org-{new_public_id()}"
    defaults = {"id": new_id(), "slug": slug, "name": slug, "created_at": BEGAN}
    return str((await _insert(database, core.organization, defaults, values))["id"])


async def create_workspace(database: Database, slug: str | None = None, *, organization_id: str | None = None, **values: Any) -> str:
    """A workspace with its stream, in an organization of its own if none is given."""
    slug = slug or f"workspace-{new_public_id()}"
    organization_id = organization_id or await create_organization(database)
    workspace_id = await _insert_named(database, core.workspace, slug, {"slug": slug, "organization_id": organization_id}, values)
    async with database.write(durable=False) as transaction:
        await outbox.create_stream(transaction, workspace_id)
    return workspace_id


async def create_user(database: Database, user_name: str | None = None, **values: Any) -> str:
    user_name = user_name or f"user-{new_public_id()}"
    defaults = {"id": new_id(), "user_name": user_name, "display_name": user_name.title(), "created_at": BEGAN}
    return str((await _insert(database, core.user, defaults, values))["id"])


async def create_member(
    database: Database, workspace_id: str, role: Role = Role.OWNER, *, user_id: str | None = None, **values: Any
) -> str:
    """A membership; returns the user's id (a new user if none is given)."""
    user_id = user_id or await create_user(database)
    defaults = {"workspace_id": workspace_id, "user_id": user_id, "role": int(role), "created_at": BEGAN}
    await _insert(database, core.membership, defaults, values)
    return user_id


async def create_token(
    database: Database, user_id: str, scopes: Iterable[TokenScope] = tuple(TokenScope), **values: Any
) -> tuple[Viewer, str]:
    """A token; returns the viewer who holds it, and the secret to send as bearer."""
    secret, scopes = new_secret("sgt"), frozenset(scopes)
    defaults = {
        "id": new_id(),
        "user_id": user_id,
        "name": "test",
        "scopes": sorted(scopes),
        "hash": secret_hash(secret),
        "hint": secret[:12],
        "created_at": BEGAN,
    }
    row = await _insert(database, core.token, defaults, values)
    async with database.read() as reader:
        statement = core.user.select().where(core.user.c.id == user_id)
        user_name = (await reader.execute(statement)).one().user_name
    return Viewer(user_id, user_name, row["id"], scopes, row.get("expires_at")), secret


async def create_viewer(database: Database, workspace_id: str, role: Role = Role.OWNER, user_name: str | None = None) -> tuple[Viewer, str]:
    """A new user with `role` in the workspace, and a token with every scope."""
    user_id = await create_user(database, user_name)
    await create_member(database, workspace_id, role, user_id=user_id)
    return await create_token(database, user_id)


async def create_template(database: Database, workspace_id: str, name: str = "Tiny", **values: Any) -> str:
    defaults = {
        "workspace_id": workspace_id,
        "tool": Tool.CUSTOM,
        "image": "true",
        "tool_version": "1.0",
        "connect_version": "0.1.0",
        "experimental": False,
        "port": 8888,
        "ready_path": "/",
        "single_user": False,
        "embeddable": True,
        "prefix_capable": False,
        "revision": 1,
        "version": 1,
    }
    return await _insert_named(database, core.template, name, defaults, values)


async def create_compute_environment(database: Database, workspace_id: str, name: str = "Here", **values: Any) -> str:
    """Of the process kind, reachable, with 8 cores and 16 GiB."""
    defaults = {
        "workspace_id": workspace_id,
        "kind": "process",
        "settings": {},
        "enabled": True,
        "reachable": True,
        "cpu": 8.0,
        "memory_mib": 16384,
        "gpu": 0,
        "environment": [],
        "version": 1,
    }
    return await _insert_named(database, core.compute_environment, name, defaults, values)


async def create_world(database: Database, *, role: Role = Role.OWNER, user_name: str = "ada") -> World:
    """An installation with one workspace, one member with a token, one template and one compute environment."""
    installation_id = await create_installation(database)
    organization_id = await create_organization(database, "acme")
    workspace_id = await create_workspace(database, "lab", organization_id=organization_id)
    viewer, secret = await create_viewer(database, workspace_id, role, user_name)
    template_id = await create_template(database, workspace_id)
    compute_environment_id = await create_compute_environment(database, workspace_id)
    return World(installation_id, organization_id, workspace_id, template_id, compute_environment_id, viewer, secret)


async def create_neighbour(database: Database, world: World, slug: str) -> World:
    """Another workspace of the organization, with a template, a compute environment and an owner of its own."""
    workspace_id = await create_workspace(database, slug, organization_id=world.organization_id)
    viewer, secret = await create_viewer(database, workspace_id)
    template_id = await create_template(database, workspace_id)
    environment_id = await create_compute_environment(database, workspace_id, f"There {slug}")
    return World(world.installation_id, world.organization_id, workspace_id, template_id, environment_id, viewer, secret)


async def create_studio(
    database: Database, world: World, name: str | None = None, *, status: str = StudioStatus.STOPPED, session_number: int = 0, **values: Any
) -> str:
    """A Studio of the world's owner; its intent is what its status comes from."""
    running = status in {StudioStatus.STARTING, StudioStatus.RUNNING}
    defaults = {
        "public_id": new_public_id(),
        "workspace_id": world.workspace_id,
        "owner_id": world.user_id,
        "template_id": world.template_id,
        "compute_environment_id": world.compute_environment_id,
        "revision": 1,
        "version": 1,
        "cpu": 2.0,
        "memory_mib": 8192,
        "gpu": 0,
        "lifespan_hours": 8,
        "environment": [],
        "desired": StudioStatus.RUNNING if running else StudioStatus.STOPPED,
        "status": status,
        "status_since": BEGAN,
        "session_number": session_number,
        "lease_epoch": 0,
    }
    return await _insert_named(database, core.studio, name or f"Studio {new_public_id()}", defaults, values)


async def create_session(database: Database, world: World, studio_id: str, *, number: int = 1, **values: Any) -> str:
    """A run of the Studio, begun and not ended, with a checkpoint id that names no row unless the test makes one."""
    defaults = {
        "id": new_id(),
        "studio_id": studio_id,
        "number": number,
        "compute_environment_id": world.compute_environment_id,
        "template_id": world.template_id,
        "started_by": world.user_id,
        "configuration": {"cpu": 2.0, "memory_mib": 8192, "gpu": 0, "lifespan_hours": 8, "environment": []},
        "checkpoint_id": new_id(),
        "out_of_memory": False,
        "saved": False,
        "created_at": BEGAN,
        "version": 1,
    }
    configuration = values.get("configuration", defaults["configuration"])
    defaults |= {name: configuration.get(name, 0) for name in ("cpu", "memory_mib", "gpu")}
    return str((await _insert(database, core.session, defaults, values))["id"])


async def create_stats(database: Database, session_id: str, **values: Any) -> None:
    """The session's measurement: one and a half cores, 100 MiB."""
    defaults = {"session_id": session_id, "at": BEGAN, "cpu": 1.5, "memory_bytes": 100 << 20}
    await _insert(database, core.session_stats, defaults, values)


async def create_checkpoint(
    database: Database, world: World, studio_id: str, name: str | None = None, *, number: int = 1, **values: Any
) -> str:
    """A FINALIZED checkpoint of the Studio's session `number`."""
    defaults = {
        "studio_id": studio_id,
        "workspace_id": world.workspace_id,
        "number": number,
        "save_order": number,
        "session_number": number,
        "compute_environment_id": world.compute_environment_id,
        "template_id": world.template_id,
        "named": False,
        "status": CheckpointStatus.FINALIZED,
        "author_id": world.user_id,
        "reference": f"checkpoints/{studio_id}/{number}",
        "digest": "sha256:0",
        "size": 1024,
        "saved_at": BEGAN + timedelta(hours=1),
        "version": 1,
    }
    return await _insert_named(database, core.checkpoint, name or f"studio_{number}", defaults, values)


async def create_migration_attempt(database: Database, world: World, original_id: str, studio_id: str, **values: Any) -> str:
    """An attempt of the world's owner to migrate the original, which has begun."""
    defaults = {
        "id": new_id(),
        "workspace_id": world.workspace_id,
        "original_id": original_id,
        "original_name": "Original",
        "studio_id": studio_id,
        "studio_name": "Migrated",
        "source_checkpoint_id": new_id(),
        "checkpoint_id": new_id(),
        "from_template_id": world.template_id,
        "to_template_id": world.template_id,
        "actor": Actor.user(world.user_id, world.viewer.user_name).to_json(),
        "state": MigrationState.MIGRATING,
        "issues": [],
        "created_at": BEGAN,
        "version": 1,
    }
    return str((await _insert(database, core.migration_attempt, defaults, values))["id"])


async def create_operation(database: Database, world: World, studio_id: str, **values: Any) -> str:
    """A running START of the Studio by the world's owner."""
    defaults = {
        "id": new_id(),
        "workspace_id": world.workspace_id,
        "studio_id": studio_id,
        "studio_name": "Studio",
        "kind": OperationKind.START,
        "state": OperationState.RUNNING,
        "actor": Actor.user(world.user_id, world.viewer.user_name).to_json(),
        "steps": [],
        "created_at": BEGAN,
        "version": 1,
    }
    return str((await _insert(database, core.operation, defaults, values))["id"])


async def allow_many_users(database: Database) -> None:
    """Switch every compute environment off: an enabled one of the process kind takes one user only."""
    async with database.write(durable=False) as transaction:
        await transaction.execute(update(core.compute_environment).values(enabled=False))


async def create_star(database: Database, world: World, studio_id: str, *, user_id: str | None = None) -> None:
    """The owner's star, if nobody else is named."""
    await _insert(database, core.star, {"user_id": user_id or world.user_id, "studio_id": studio_id, "created_at": BEGAN}, {})


async def create_connection(database: Database, world: World, studio_id: str, *, session_number: int = 1, **values: Any) -> str:
    """An open tab of the world's owner, through a proxy of its own."""
    proxy = {"id": new_id(), "started_at": BEGAN, "heartbeat_at": BEGAN}
    await _insert(database, core.proxy_instance, proxy, {})
    defaults = {
        "id": new_id(),
        "proxy_id": proxy["id"],
        "studio_id": studio_id,
        "session_number": session_number,
        "user_id": world.user_id,
        "token_id": world.viewer.token_id,
        "connected_at": BEGAN,
        "last_active_at": BEGAN,
    }
    return str((await _insert(database, core.connection, defaults, values))["id"])
