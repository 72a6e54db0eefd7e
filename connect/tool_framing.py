"""Remembers whether a browser shows the tool of a session in the shell's frame, or in the whole tab."""

from connect.cookies import CookieNames, values
from connect.requests import Request
from services.store.access_facts import Facts

UNFRAMED_SECONDS = 12 * 3600
"""How long a browser remembers that the tool of a session refuses frames; afterwards it finds out again."""


class ToolFraming:
    """Reads and sets the cookie that is kept, on both origins of a session, while its tool is shown without the frame."""

    def __init__(self, names: CookieNames) -> None:
        self._names = names

    def is_framed(self, request: Request, facts: Facts) -> bool:
        """Returns whether this browser shows the tool in the shell's frame."""
        return facts.embeddable and values(request.header(b"cookie"), self._names.unframed) != [str(facts.session_number)]

    def unframed_cookie(self, session_number: int) -> tuple[bytes, bytes]:
        """Returns the Set-Cookie header by which the browser remembers that the tool of this session refuses frames."""
        return self._names.set(self._names.unframed, str(session_number), UNFRAMED_SECONDS)
