"""The viewer's access tokens (B94)."""

from collections.abc import Sequence

from resolvers.batches import Reading
from services.rows.people import TokenRow
from services.store.reads import people as reads


async def of_users(reading: Reading, user_ids: Sequence[str], _arguments: None) -> list[list[TokenRow] | None]:
    """Those of the viewer; None for every other user."""
    mine = reading.viewer.user_id
    found = await reads.tokens(reading.reader, mine) if mine in user_ids else []
    return [found if user_id == mine else None for user_id in user_ids]


async def by_id(reading: Reading, token_ids: Sequence[str], _arguments: None) -> list[TokenRow | None]:
    """The viewer's tokens with these ids; None for those of others."""
    found = {token.id: token for token in await reads.tokens(reading.reader, reading.viewer.user_id)}
    return [found.get(token_id) for token_id in token_ids]
