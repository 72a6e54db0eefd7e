"""Passes environment variables and secrets to a session through its standard input, as a script that its entry shell runs first.

They are never in the container's configuration, on a disk, in a volume or in a commit, so that `docker inspect`, an image or a registry
cannot show them. (A file in a volume would have to be written, protected and removed; a tmpfs can only be written after the start.) The
end marker shows that the script is complete. If the server died while sending it, the entry shell exits with NOT_LOADED_EXIT_CODE, and the
next `ensure_session` creates the container again.

A shell drops or changes some variables: names that are not identifiers, and names with a meaning to it. Those, of the image as well, are
set by the program `env` after the shell. Only those: the arguments of `env` can be seen on the engine's machine until it becomes the tool.
"""

import re
import shlex
from collections.abc import Mapping, Sequence

NOT_LOADED_EXIT_CODE = 97
END_MARKER = "#studiograph-loaded"
ENTRYPOINT_SCRIPT = (
    f"_studiograph=$(cat); case \"$_studiograph\" in *'{END_MARKER}') ;; *) exit {NOT_LOADED_EXIT_CODE} ;; esac; "
    'eval "$_studiograph"; unset _studiograph; exec "$@" </dev/null'
)
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SHELLS_OWN = re.compile(
    r"_|_studiograph|(BASH|COMP_|EPOCH|FUNC|HIST|KSH|LC_|LD_|MAIL|PROMPT|TRY_BLOCK_|ZLE|ZSH).*|ARG[CV]0?|CDPATH|COLUMNS|CPUTYPE|DIRSTACK|E?[UG]ID"
    r"|ENV|ERRNO|GROUPS|IFS|JOBMAX|KEYBOARD_HACK|LANG|LINENO|LINES|MACHTYPE|(OLD)?PWD|OPT(ARG|ERR|IND)|OSTYPE|PATHSEP|PGRP|PIPESTATUS"
    r"|POSIXLY_CORRECT|PPID|PS[0-9]|S?RANDOM|REPLY|SAVEHIST|SECONDS|SHELLOPTS|SHLVL|TMOUT|TTY|TTYIDLE|USER_ID|USERNAME|VENDOR|histchars|signals"
)
"""Variables that dash, bash, busybox, ksh, mksh, yash or zsh set, refuse, forget or act upon, as found by trying; and the linker's own."""


def script(variables: Mapping[str, str], image: Mapping[str, Sequence[str] | None]) -> bytes:
    """Returns the script. Values may hold anything but NUL. Names are checked where they are set (B16)."""
    exported = [f"export {name}={shlex.quote(value)}" for name, value in variables.items() if not _is_changed_by_shells(name)]
    after = {name: value for name, value in {**_inherited(image), **variables}.items() if _is_changed_by_shells(name)}
    return "\n".join([*_prefix(after, arguments(image)), *exported, END_MARKER]).encode()


def _is_changed_by_shells(name: str) -> bool:
    return not IDENTIFIER.fullmatch(name) or bool(SHELLS_OWN.fullmatch(name))


def _inherited(image: Mapping[str, Sequence[str] | None]) -> dict[str, str]:
    return {name: value for name, _, value in (assignment.partition("=") for assignment in image.get("Env") or [])}


def _prefix(variables: Mapping[str, str], command: Sequence[str]) -> list[str]:
    """Returns the line that puts `env` with these variables before the command; none if there are no variables.

    It comes first, so that `env` is looked for as the image says. A program with "=" in its name would be a variable to `env`.
    """
    if not variables:
        return []
    words = ["--", *(f"{name}={value}" for name, value in variables.items()), *(["nice", "-n", "0"] if "=" in command[0] else [])]
    return [f'_studiograph=$(command -v env); set -- "${{_studiograph:-env}}" {shlex.join(words)} "$@"']


def withheld(image: Mapping[str, Sequence[str] | None]) -> list[str]:
    """Returns the container's own list of variables: names without values, which an engine removes from those of the image.

    They come after the shell. Some of them would keep a shell from starting, or make it print what it does.
    """
    return [name for name in _inherited(image) if _is_changed_by_shells(name)]


def entrypoint() -> list[str]:
    """Returns the container's entrypoint: it runs the command that follows it once the script has come."""
    return ["/bin/sh", "-c", ENTRYPOINT_SCRIPT, "sh"]


def arguments(config: Mapping[str, Sequence[str] | None]) -> list[str]:
    """Returns the command that the image itself would run."""
    return [*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])]
