"""The programs that look at the session of a migrated Studio, and what they report."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from services.compute.session_programs import SessionProgram
from services.domain.migration_checks import ProbeFinding
from services.domain.migration_files import InstalledSoftware
from services.secrets.masking import masked

PROBE, EXTENSION_PROBE = Path(__file__).with_name("session_probe.py"), Path(__file__).with_name("extension_probe.js")
SAY_END = r"printf '%s\tend\n'"
"""What each program does last. Of one that its limit ended, or that failed, the line is missing."""
RUN_PYTHON = f'command -v python3 >/dev/null || {{ {SAY_END} "$2"; exit; }}; python3 -I -B -c "$1" "$2" "$3" && {SAY_END} "$2"'
RUN_R = (
    f'command -v Rscript >/dev/null || {{ {SAY_END} "$2"; exit; }}; '
    f'probe=$1 mark=$2; shift; Rscript --vanilla -e "$probe" "$@" && {SAY_END} "$mark"'
)
LOAD_R = (
    "words <- commandArgs(TRUE); for (name in words[-1]) { "
    "error <- tryCatch({ suppressMessages(loadNamespace(name)); NULL }, error = function(e) conditionMessage(e)); "
    'if (!is.null(error)) cat(words[1], "r-load", name, gsub("[[:space:]]+", " ", error), "\\n", sep = "\\t") }'
)
"""One line, since Rscript takes no more as an expression."""
LIST_EXTENSIONS = rf"""tool=$(command -v code-server) || tool="/opt/code-server/bin/node /opt/code-server/out/node/entry.js"
[ ! -f /etc/code-server.yaml ] || tool="$tool --config /etc/code-server.yaml"
list=$($tool --list-extensions 2>/dev/null) || {{ {SAY_END} "$0"; exit; }}
for name in $list; do printf '%s\textension\t%s\n' "$0" "$name"; done
printf '%s\textensions-listed\tall\n' "$0"
node=$(command -v node) || node=/opt/code-server/bin/node
$node -e "$1" "$0" && {SAY_END} "$0"
"""
SECONDS = 180.0
"""How long one of the programs may take."""
MAX_OUTPUT_BYTES = 1 << 18
MAX_FINDINGS = 500
MAX_FIELD_LENGTH = 500
"""Characters of each field of a line that are kept."""


@dataclass(frozen=True, slots=True)
class SessionProbe:
    """A program and the mark with which its lines begin. Nobody in the session can know the mark before."""

    mark: str
    program: SessionProgram


def probes(software: InstalledSoftware, mark: str) -> Iterator[SessionProbe]:
    """Returns what is to be run in a session where this software was installed."""
    wanted = {"python": sorted({each.name for each in software.python}), "programs": [f"/{path}" for path in software.programs]}
    if wanted["python"] or wanted["programs"]:
        yield _probe(mark, "/bin/sh", "-c", RUN_PYTHON, "sh", PROBE.read_text(), mark, json.dumps(wanted))
    if software.r:
        yield _probe(mark, "/bin/sh", "-c", RUN_R, "sh", LOAD_R, mark, *software.r)
    if software.extensions:
        yield _probe(mark, "/bin/sh", "-c", LIST_EXTENSIONS, mark, EXTENSION_PROBE.read_text())


def _probe(mark: str, *argv: str) -> SessionProbe:
    return SessionProbe(mark, SessionProgram(argv, SECONDS, MAX_OUTPUT_BYTES))


def findings(output: bytes, mark: str, secret_forms: list[str] | None = None) -> list[ProbeFinding]:
    """Returns what the lines of a program's output report.

    The session may have changed them: every field is made printable and cut. The details are masked before, since the cut might leave a
    part of a secret.
    """
    found: list[ProbeFinding] = []
    for line in output.decode(errors="replace").splitlines():
        fields = [_printable(field) for field in line.split("\t")]
        if len(fields) >= 3 and fields[0] == mark and len(found) < MAX_FINDINGS:
            kind, subject, detail, owner = (*fields[1:5], "", "")[:4]
            found.append(ProbeFinding(_cut(kind), _cut(subject), _cut(masked(detail, secret_forms or [])), _cut(owner)))
    return found


def _cut(text: str) -> str:
    return text[:MAX_FIELD_LENGTH]


def is_complete(output: bytes, mark: str) -> bool:
    """Returns whether the program came to its end."""
    return f"{mark}\tend" in (line.strip() for line in output.decode(errors="replace").splitlines())


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable()).strip()
