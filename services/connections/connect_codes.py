"""Issues and redeems one-time codes, which take a user to the origins of a session (docs/architecture.md#the-data-plane)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.authorization import require_on_studio
from services.connections.addresses import Addresses
from services.connections.paths import relative_path
from services.domain.access import Permission, Viewer
from services.domain.errors import DomainError, NotAllowedNow
from services.domain.ids import new_secret, secret_hash
from services.domain.lifecycle import Action, status_refusal
from services.store import connect_codes as store
from services.store.access_facts import Facts
from services.store.connect_codes import CodeRow, Target
from services.store.db.database import Database, Reader

PREFIX = "sgc"
CODE_LIFETIME = timedelta(seconds=60)
TOOL_CODE_LIFETIME = timedelta(seconds=30)
"""The lifetime of a code that the page around a tool requests and redeems at once."""
MAX_CODE_LENGTH = 128


class BadCode(DomainError):
    """The code is unknown, used, expired, or of another origin: all read the same."""

    code = "BAD_CODE"


@dataclass(frozen=True, slots=True)
class ConnectCodes:
    """Issues and redeems codes. A code is valid for a minute at most, once, and only for the origin that it was issued for."""

    database: Database
    addresses: Addresses

    async def issue(self, viewer: Viewer, studio_id: str, path: str = "/", login_id: str | None = None) -> tuple[str, datetime]:
        """Returns an address with a code for the viewer, which leads to `path` in the tool, and when it expires.

        Raises NotFound (absent or not visible), Forbidden (role or scope), NotAllowedNow (not running).
        """
        code = new_secret(PREFIX)
        async with self.database.write(durable=False) as transaction:
            studio = await _require_connectable(transaction, viewer, studio_id)
            origin = self.addresses.shell_origin(studio.public_id)
            row = CodeRow(viewer.user_id, viewer.token_id, login_id, studio.id, studio.session_number, origin, relative_path(path))
            expires_at = await store.add(transaction, secret_hash(code), row, CODE_LIFETIME)
        return f"{origin}/_sg/enter?code={code}", expires_at

    async def issue_tool_code(self, facts: Facts, login_id: str | None) -> str:
        """Returns a code for the tool's origin, by which the page around the tool gives the user in `facts` the tool's cookie."""
        code = new_secret(PREFIX)
        origin = self.addresses.tool_origin(facts.public_id)
        row = CodeRow(facts.user_id, facts.token_id, login_id, facts.studio_id, facts.session_number, origin, "/")
        async with self.database.write(durable=False) as transaction:
            await store.add(transaction, secret_hash(code), row, TOOL_CODE_LIFETIME)
        return code

    async def redeem(self, code: str, origin: str) -> CodeRow:
        """Marks a code for `origin` as used, and returns what it is bound to. Raises BadCode."""
        row = None
        if code.isascii() and len(code) <= MAX_CODE_LENGTH:
            async with self.database.write(durable=False) as transaction:
                row = await store.use(transaction, secret_hash(code), origin)
        if row is None:
            raise BadCode("This link was used already or has expired: it works once, for 60 seconds. Open the Studio again.")
        return row


async def _require_connectable(reader: Reader, viewer: Viewer, studio_id: str) -> Target:
    await require_on_studio(reader, viewer, studio_id, Permission.STUDIO_CONNECT)
    studio = await store.target(reader, studio_id)
    assert studio is not None
    refusal = status_refusal(studio.status, Action.CONNECT)
    if refusal or not studio.reachable:
        raise NotAllowedNow(refusal or "The session cannot be reached yet. Try again in a moment.", status=studio.status.value)
    return studio
