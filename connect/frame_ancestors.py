"""Decides whether a tool allows a frame of its own origin around its page, and extends that to the shell, which has another origin."""

from connect.requests import Headers

POLICY_HEADER = b"content-security-policy"
OPTIONS_HEADER = b"x-frame-options"


def refuses_frame(headers: Headers, origin: str) -> bool:
    """Returns whether the response forbids a frame of its own `origin`. A policy's frame-ancestors replaces X-Frame-Options, as in browsers
    (Content Security Policy Level 3, section 6.4.2)."""
    policies = _ancestor_sources(headers)
    if policies:
        return not all(any(_allows(source, origin) for source in sources) for sources in policies)
    return b"deny" in _frame_options(headers)


def allow_shell(headers: Headers, origin: str, shell_origin: str) -> Headers:
    """Returns the headers of a response that allows frames of its own `origin`, changed so that they allow one of the shell, too."""
    is_same_origin_only = _frame_options(headers) == {b"sameorigin"}
    extended = [
        (name, _extended(value, origin, shell_origin) if name == POLICY_HEADER else value)
        for name, value in headers
        if not (is_same_origin_only and name == OPTIONS_HEADER)
    ]
    if is_same_origin_only and not _ancestor_sources(headers):
        extended.append((POLICY_HEADER, f"frame-ancestors 'self' {shell_origin}".encode()))
    return extended


def _frame_options(headers: Headers) -> set[bytes]:
    return {option.strip().lower() for name, value in headers if name == OPTIONS_HEADER for option in value.split(b",")}


def _ancestor_sources(headers: Headers) -> list[list[str]]:
    """Returns the sources of the first frame-ancestors directive of each policy that has one."""
    policies = [policy for name, value in headers if name == POLICY_HEADER for policy in value.decode("latin-1").split(",")]
    directives = [next(filter(_is_frame_ancestors, policy.split(";")), None) for policy in policies]
    return [_sources(directive) for directive in directives if directive is not None]


def _extended(value: bytes, origin: str, shell_origin: str) -> bytes:
    """Returns a policy header whose frame-ancestors directives that allow `origin` allow `shell_origin`, too."""
    policies = []
    for policy in value.decode("latin-1").split(","):
        directives = policy.split(";")
        index = next((index for index, directive in enumerate(directives) if _is_frame_ancestors(directive)), None)
        if index is not None and any(_allows(source, origin) for source in _sources(directives[index])):
            directives[index] = f"{directives[index].rstrip()} {shell_origin}"
        policies.append(";".join(directives))
    return ",".join(policies).encode("latin-1")


def _is_frame_ancestors(directive: str) -> bool:
    return directive.split()[:1] != [] and directive.split()[0].lower() == "frame-ancestors"


def _sources(directive: str) -> list[str]:
    return directive.lower().split()[1:]


def _allows(source: str, origin: str) -> bool:
    """Returns whether a source expression may match the origin; one with a wildcard in its host counts as one that does."""
    scheme, _, host = origin.partition("://")
    return source in {"*", "'self'", origin, host, host.partition(":")[0], f"{scheme}:"} or "*." in source
