"""Loads access tokens of the viewer (B94)."""

from collections.abc import Sequence

from resolvers.batches import LoadContext
from services.rows.people import TokenRow
from services.store.reads import people as reads


async def of_users(context: LoadContext, user_ids: Sequence[str], _arguments: None) -> list[list[TokenRow] | None]:
    """Loads the tokens of the viewer; None for every other user."""
    viewer_id = context.viewer.user_id
    tokens = await reads.tokens(context.reader, viewer_id) if viewer_id in user_ids else []
    return [tokens if user_id == viewer_id else None for user_id in user_ids]


async def by_id(context: LoadContext, token_ids: Sequence[str], _arguments: None) -> list[TokenRow | None]:
    """Loads the tokens with these ids; None for those of other users."""
    tokens = {token.id: token for token in await reads.tokens(context.reader, context.viewer.user_id)}
    return [tokens.get(token_id) for token_id in token_ids]
