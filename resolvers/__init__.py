"""Resolves the fields of operations: context, batched loads, pages, sources of streams. Takes a Context, returns rows; has no SQL."""
