"""Decides whether a browser shows a response of a tool in the session page's frame, which has the same origin."""

from connect.requests import Headers


def refuses_frame(headers: Headers, origin: str) -> bool:
    """Returns whether the response forbids a frame of its own `origin`. A policy's frame-ancestors replaces X-Frame-Options, as in browsers
    (Content Security Policy Level 3, section 6.4.2)."""
    policies = [sources for name, value in headers if name == b"content-security-policy" for sources in _frame_ancestors(value)]
    if policies:
        return not all(any(_allows(source, origin) for source in sources) for sources in policies)
    options = {option.strip().lower() for name, value in headers if name == b"x-frame-options" for option in value.split(b",")}
    return b"deny" in options


def _frame_ancestors(value: bytes) -> list[list[str]]:
    """Returns the sources of the first frame-ancestors directive of each policy."""
    values = []
    for policy in value.decode("latin-1").lower().split(","):
        directives = [directive.split() for directive in policy.split(";")]
        sources = next((words[1:] for words in directives if words and words[0] == "frame-ancestors"), None)
        if sources is not None:
            values.append(sources)
    return values


def _allows(source: str, origin: str) -> bool:
    """Returns whether a source expression may match the origin; one with a wildcard in its host counts as one that does."""
    scheme, _, host = origin.partition("://")
    return source in {"*", "'self'", origin, host, host.partition(":")[0], f"{scheme}:"} or "*." in source
