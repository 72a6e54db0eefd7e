"""Reads and sets the cookies by which a browser or program uses the tool, or the shell, of one session."""

from connect import access_errors, cookies
from connect.access_errors import AccessDenied, AccessError
from connect.cookies import CookieNames
from connect.requests import Headers, Request
from connect.session_grants import Grant, Grants, Sealed


class SessionCookies:
    """The cookies with one name, which hold grants: those of the origins of tools, or those of the origins of shells."""

    def __init__(self, names: CookieNames, name: str, grants: Grants) -> None:
        self._names = names
        self._name = name
        self._grants = grants

    def valid(self, request: Request, public_id: str) -> list[Sealed]:
        """Returns the cookies of the request that were sealed for this session and have not expired."""
        values = cookies.values(request.header(b"cookie"), self._name)
        return [sealed for value in values if (sealed := self._grants.open(value, public_id))]

    def sealed(self, request: Request, public_id: str) -> Sealed:
        """Returns the request's valid cookie. Raises AccessDenied if there is none, or if there are two of different grants."""
        valid = self.valid(request, public_id)
        if not valid:
            raise AccessDenied(AccessError(access_errors.UNAUTHENTICATED, ""))
        if len({sealed.grant for sealed in valid}) > 1:
            reason = "There are two sign-ins for this Studio. Clear this site's cookies and open it again."
            raise AccessDenied(AccessError(access_errors.BAD_REQUEST, reason))
        return max(valid, key=lambda sealed: sealed.sealed_at)

    def header(self, grant: Grant) -> tuple[bytes, bytes]:
        """Returns the Set-Cookie header that gives the grant."""
        return self._names.set(self._name, self._grants.seal(grant), self._grants.lifetime)

    def renewal(self, sealed: Sealed) -> Headers:
        """Returns the header that renews a cookie which is old enough; no header for a fresh one."""
        return [self.header(sealed.grant)] if sealed.needs_renewal else []
