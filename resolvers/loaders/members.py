"""Loads the members of workspaces."""

from collections.abc import Sequence

from resolvers.batches import LoadContext
from resolvers.loaders.factories import list_each, page_each, total_each
from services.rows.organizations import MemberRow
from services.store.reads import people as reads

of_users = list_each(reads.memberships)
pages = page_each(reads.member_pages, "members", str, lambda row: row.user_name, lambda row: row.user_id)
total = total_each(reads.member_count)


async def by_id(context: LoadContext, keys: Sequence[tuple[str, str]], _arguments: None) -> list[MemberRow | None]:
    """Loads the members with these (workspace id, user id); None if there is none, or the viewer is not a member."""
    return [await reads.member(context.reader, context.viewer.user_id, *key) for key in keys]
