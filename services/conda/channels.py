"""Decides which Conda channels an environment may use, and finds their addresses."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

NAME = re.compile(r"[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*)*", re.IGNORECASE | re.ASCII)
URL_CHARACTERS = re.compile(r"[A-Za-z0-9:/._~%-]+")
TOKEN_PATH = re.compile(r"(?:^|/)t/[^/]+")
"""How Conda servers take a token in an address."""
CREDENTIALS = "An address with a user, password or token would be shown in logs. Remove it: only public channels can be used."
NO_DEFAULTS = "nodefaults"
DEFAULTS = "defaults"


class ChannelRefused(ValueError):
    """The channel is no channel, or the settings do not allow it. The message says what to do."""


@dataclass(frozen=True, slots=True)
class ChannelPolicy:
    """The channels that environments may use.

    `base_url` is the address below which channels with a name are. `default` are those of an environment that names none. If `allowed`
    is empty, every name and every https address is allowed; otherwise only the names and addresses in it.
    """

    base_url: str = "https://conda.anaconda.org"
    default: tuple[str, ...] = ("conda-forge",)
    allowed: tuple[str, ...] = ()

    def url(self, channel: str) -> str:
        """Returns the address of a channel, which is given by name or address. Raises ChannelRefused."""
        text = channel.strip().rstrip("/")
        if self.allowed and text not in self.allowed:
            raise ChannelRefused(f"The channel {text!r} is not allowed on this server. Allowed: {', '.join(self.allowed)}.")
        if "://" in text:
            return text if text in self.allowed else _checked_url(text)
        if text == DEFAULTS:
            raise ChannelRefused("`defaults` stands for several channels of Anaconda. Name the channel that you mean, such as conda-forge.")
        if TOKEN_PATH.match(text):
            raise ChannelRefused(CREDENTIALS)
        if not NAME.fullmatch(text):
            raise ChannelRefused(f"{text[:60]!r} is no channel. Give a name, such as conda-forge, or an https address.")
        return f"{self.base_url.rstrip('/')}/{text}"


def _checked_url(text: str) -> str:
    """Returns an address from which anybody may read. Raises ChannelRefused."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ChannelRefused("This is no address. Give one that begins with https://.") from None
    if parts.username is not None or parts.password is not None or TOKEN_PATH.search(parts.path):
        raise ChannelRefused(CREDENTIALS)
    if parts.scheme.lower() != "https" or not host:
        raise ChannelRefused("The address of a channel begins with https:// and a host.")
    if not URL_CHARACTERS.fullmatch(text) or ".." in parts.path.split("/"):
        raise ChannelRefused("The address of a channel has a host and a path of letters, digits, / . _ ~ % and -, and nothing else.")
    return text
