"""How environment and secrets reach a session: through its input, as a script that the entry shell runs before the tool.

Nothing of it is ever in the container's configuration, on a disk, in a volume or in a commit: what `docker inspect`, an image or a
registry shows is clean, because it was never there. (A file in a volume would have to be written, guarded and removed; a tmpfs is
lost to the session unless it is written after the start.) The end mark tells a whole script from one cut off by our death: the
entry shell then ends with `NOT_LOADED`, and the next `ensure_session` makes the container anew.
"""

import shlex
from collections.abc import Mapping, Sequence

NOT_LOADED = 97
END = "#studiograph-loaded"
ENTRY = (
    f"_studiograph=$(cat); case \"$_studiograph\" in *'{END}') ;; *) exit {NOT_LOADED} ;; esac; "
    'eval "$_studiograph"; unset _studiograph; exec "$@" </dev/null'
)


def script(variables: Mapping[str, str]) -> bytes:
    """What is sent: values may hold anything but NUL. Names are checked where they are set (B16)."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    return "\n".join([*lines, END]).encode()


def entrypoint() -> list[str]:
    """Runs the words that follow it once the script has come."""
    return ["/bin/sh", "-c", ENTRY, "sh"]


def arguments(config: Mapping[str, Sequence[str] | None]) -> list[str]:
    """What the image itself would run."""
    return [*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])]
