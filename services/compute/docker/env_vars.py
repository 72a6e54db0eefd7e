"""Passes environment variables and secrets to a session through its standard input, as a script that its entry shell runs first.

They are never in the container's configuration, on a disk, in a volume or in a commit, so that `docker inspect`, an image or a registry
cannot show them. (A file in a volume would have to be written, protected and removed; a tmpfs can only be written after the start.) The
end marker shows that the script is complete. If the server died while sending it, the entry shell exits with NOT_LOADED_EXIT_CODE, and the
next `ensure_session` creates the container again.
"""

import shlex
from collections.abc import Mapping, Sequence

NOT_LOADED_EXIT_CODE = 97
END_MARKER = "#studiograph-loaded"
ENTRYPOINT_SCRIPT = (
    f"_studiograph=$(cat); case \"$_studiograph\" in *'{END_MARKER}') ;; *) exit {NOT_LOADED_EXIT_CODE} ;; esac; "
    'eval "$_studiograph"; unset _studiograph; exec "$@" </dev/null'
)


def script(variables: Mapping[str, str]) -> bytes:
    """Returns the script. Values may hold anything but NUL. Names are checked where they are set (B16)."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    return "\n".join([*lines, END_MARKER]).encode()


def entrypoint() -> list[str]:
    """Returns the container's entrypoint: it runs the command that follows it once the script has come."""
    return ["/bin/sh", "-c", ENTRYPOINT_SCRIPT, "sh"]


def arguments(config: Mapping[str, Sequence[str] | None]) -> list[str]:
    """Returns the command that the image itself would run."""
    return [*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])]
