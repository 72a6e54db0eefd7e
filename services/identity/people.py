"""Users, organizations and workspaces, as the operator makes them: the command line and the demo."""

import re
from dataclasses import dataclass

from services.domain.access import Role
from services.domain.actor import Actor
from services.domain.errors import Conflict, NotFound
from services.domain.events import INSTALLATION_STREAM, Kind, NewEvent
from services.domain.ids import new_id
from services.domain.names import name_key
from services.domain.problems import Problems
from services.identity.members import refuse_second_user
from services.store import members, outbox
from services.store import people as store
from services.store.db.database import Database, Transaction

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
USER_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
OPERATOR = Actor.system("operator")


@dataclass(frozen=True, slots=True)
class People:
    """Each method is one transaction and returns the new row's id."""

    database: Database

    async def create_user(self, user_name: str, display_name: str | None = None, email: str | None = None) -> str:
        """A user without any membership yet. Raises InvalidInput, and Conflict for a name that is taken or a second user (DESIGN 4)."""
        display_name = (display_name or user_name).strip()
        problems = Problems()
        _check_word(problems, "user_name", "A user name", user_name, USER_NAME, "letters a to z, digits, and inside also `.`, `_` and `-`")
        problems.check_name(display_name, "display_name", "A display name")
        problems.raise_any()
        async with self.database.write() as transaction:
            if await store.user_id_of(transaction, user_name) is not None:
                raise Conflict(f"There is a user called {user_name} already.", field=("user_name",))
            if await store.any_user(transaction):
                await refuse_second_user(transaction)
            user_id = new_id()
            await store.insert_user(transaction, {"id": user_id, "user_name": user_name, "display_name": display_name, "email": email})
            return user_id

    async def are_several(self) -> bool:
        """Whether this installation has more than one user."""
        async with self.database.read() as reader:
            return await store.several_users(reader)

    async def create_organization(self, slug: str, name: str) -> str:
        """An organization and its stream. Raises InvalidInput, and Conflict for a slug that is taken."""
        check_place(slug, name)
        async with self.database.write() as transaction:
            if await store.organization_id_of(transaction, slug) is not None:
                raise Conflict(f"There is an organization called {slug} already.", field=("slug",))
            organization_id = new_id()
            await store.insert_organization(transaction, {"id": organization_id, "slug": slug, "name": name.strip()})
            await outbox.create_stream(transaction, organization_id)
            return organization_id

    async def create_workspace(self, organization_id: str, slug: str, name: str, owner_id: str) -> str:
        """A workspace, its stream and its first OWNER. Raises NotFound, InvalidInput, Conflict."""
        check_place(slug, name)
        async with self.database.write() as transaction:
            await _require_place(transaction, organization_id, slug, name)
            owner_name = await store.user_name_of(transaction, owner_id)
            if owner_name is None:
                raise NotFound("There is no such user.")
            workspace_id = new_id()
            values = {
                "id": workspace_id,
                "organization_id": organization_id,
                "slug": slug,
                "name": name.strip(),
                "name_key": name_key(name),
            }
            await store.insert_workspace(transaction, values)
            await outbox.create_stream(transaction, workspace_id)
            await _join(transaction, workspace_id, owner_id, Role.OWNER)
            return workspace_id

    async def join(self, workspace_id: str, user_id: str, role: Role) -> None:
        """The operator's way: give a user a role, or another one than before."""
        async with self.database.write() as transaction:
            await outbox.lock_stream(transaction, workspace_id)
            if await members.role_in(transaction, workspace_id, user_id) is not None:
                await members.delete_member(transaction, workspace_id, user_id)
            await _join(transaction, workspace_id, user_id, role)

    async def find_user(self, user_name: str) -> str | None:
        """The id of the user of that name."""
        async with self.database.read() as reader:
            return await store.user_id_of(reader, user_name)

    async def find_organization(self, slug: str) -> str | None:
        """The id of the organization of that slug."""
        async with self.database.read() as reader:
            return await store.organization_id_of(reader, slug)

    async def find_workspace(self, slug: str) -> str | None:
        """The id of the workspace of that slug."""
        async with self.database.read() as reader:
            return await store.workspace_id_of(reader, slug)


def check_place(slug: str, name: str) -> None:
    """Raise InvalidInput for what is no slug or no name of an organization or workspace."""
    problems = Problems()
    _check_word(problems, "slug", "A slug", slug, SLUG, "letters a to z, digits, and inside also `-`")
    problems.check_name(name)
    problems.raise_any()


def _check_word(problems: Problems, path: str, noun: str, text: str, pattern: re.Pattern[str], made_of: str) -> None:
    if not pattern.fullmatch(text):
        problems.add(path, "FORMAT", f"{noun} has 1 to 64 characters: {made_of}.")


async def _require_place(transaction: Transaction, organization_id: str, slug: str, name: str) -> None:
    if not await store.organization_exists(transaction, organization_id):
        raise NotFound("There is no such organization.")
    if await store.workspace_id_of(transaction, slug) is not None:
        raise Conflict(f"There is a workspace called {slug} already.", field=("slug",))
    if await store.workspace_name_taken(transaction, organization_id, name_key(name)):
        raise Conflict(f"The organization has a workspace named {name.strip()} already.", field=("name",))


async def _join(transaction: Transaction, workspace_id: str, user_id: str, role: Role) -> None:
    await members.insert_member(transaction, workspace_id, user_id, role)
    payload = {"workspace_id": workspace_id, "user_id": user_id, "role": role.name}
    event = NewEvent(Kind.MEMBER_CHANGED, OPERATOR, payload, user_id=user_id)
    await outbox.append(transaction, workspace_id, [event])
    await outbox.append(transaction, INSTALLATION_STREAM, [event])
