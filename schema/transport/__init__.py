"""The transports of operations: ASGI applications around `schema.execution`. Only `studiograph` imports them."""
