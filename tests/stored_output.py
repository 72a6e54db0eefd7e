"""Output of sessions and builds, stored as if it had been collected."""

from services.store import outputs
from services.store.db.database import Database


async def store_output(database: Database, output_id: str, *pieces: bytes | int, closed: bool = False) -> None:
    """Stores the pieces in order; a number stands for so many bytes that were skipped before the next piece."""
    async with database.write() as transaction:
        output, skipped = await outputs.find_or_add(transaction, output_id), 0
        for piece in pieces:
            if isinstance(piece, int):
                skipped = piece
            else:
                output = await outputs.append(transaction, output, piece, None, skipped=skipped)
                skipped = 0
        if closed:
            await outputs.close(transaction, output_id)
