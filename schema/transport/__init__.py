"""How operations travel: small ASGI applications around `schema.execution`. Only `studiograph` imports them."""
