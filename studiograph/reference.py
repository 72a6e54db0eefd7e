"""Writes the pages of docs/ that are made from the code: `python -m studiograph.reference [--check]`."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from connect.access_errors import ERROR_TEXTS
from services.domain.access import MATRIX, OPERATOR_PERMISSIONS, Role, role_allows
from services.domain.lifecycle import ACTIONS, TRANSITIONS
from services.domain.statuses import StopReason
from services.runtime.metrics import DEFINITIONS, LABELS
from studiograph.settings import Settings

DOCS = Path(__file__).resolve().parent.parent / "docs"
MADE = "Made from the code by `make docs`.\n"
METRICS_INTRODUCTION = """
`GET /metrics` gives the metrics of a process in the text format of Prometheus. Every role has them, each process its own: Prometheus
must scrape each process, not a load balancer before several.

## Who may read them

- At the server's port (the API's origin), users who own every workspace: `Authorization: Bearer <access token>`, where the token needs
  the scope READ alone. Others get 401 (UNAUTHENTICATED) or 403 (FORBIDDEN), in the form of GraphQL's errors.
- At an address of its own, whoever reaches it: `STUDIOGRAPH_METRICS_ADDRESS=127.0.0.1:9464`. Nothing else is served there. It is the only
  way with the role `controller`, which serves nothing else. Choose an address that only the monitoring reaches. Sessions of the
  kind `process` run as the user of the server, and reach it too.

Neither names users, workspaces, Studios, sessions or addresses; compute environments have the names that the operator gave them.

```yaml
scrape_configs:
  - job_name: studiograph
    authorization: {credentials_file: /etc/prometheus/studiograph-token}  # not at an address of their own
    static_configs: [{targets: ["studiograph.example.org:443"]}]
    scheme: https
```

[prometheus-alerts.yml](prometheus-alerts.yml) has examples of alerts, [grafana-dashboard.json](grafana-dashboard.json) a dashboard for
Grafana (Dashboards, New, Import).

## The metrics

Times are in seconds, sizes in bytes. Counters and histograms begin at 0 with the process. What is *shared* describes the installation
and is the same in every process: take `max`, not `sum`. It is read with three statements, at most every 5 s, and missing while the
database is away.
The usual `process_*` metrics (processor time, memory, file descriptors, start) are there on Linux.
"""


def settings() -> str:
    """Returns the page of all settings with default and meaning."""
    prefix = Settings.model_config["env_prefix"]
    rows = [
        (f"`{prefix}{name.upper()}`", f"`{field.default}`" if field.default not in ("", None) else "", str(field.description))
        for name, field in Settings.model_fields.items()
    ]
    return f"# Settings\n\n{MADE}All are environment variables.\n\n{_table(('variable', 'default', 'meaning'), rows)}"


def lifecycle() -> str:
    """Returns the page of the transitions, and of the actions that each status allows."""
    rows = [
        (source.value, trigger.value, target.to.value, target.reason.value if target.reason else "")
        for (source, trigger), target in TRANSITIONS.items()
    ]
    actions = [
        (action.value, ", ".join(sorted(rule.allowed_in)), MATRIX[rule.permission].role.name, MATRIX[rule.permission].scope.value)
        for action, rule in ACTIONS.items()
    ]
    reasons = ", ".join(f"`{reason.value}`" for reason in StopReason)
    return (
        f"# The life of a Studio\n\n{MADE}\n{_table(('in', 'when', 'goes to', 'with the stop reason'), rows)}\n"
        f"Stop reasons: {reasons}.\n\n## Actions\n\n{_table(('action', 'in the statuses', 'least role', 'token scope'), actions)}"
    )


def rights() -> str:
    """The matrix of roles, and the glossary of permissions."""
    header = ("permission", *(role.name for role in Role), "token scope")
    rows = [
        (permission.value, *("yes" if role_allows(permission, role) else "" for role in Role), requirement.scope.value)
        for permission, requirement in MATRIX.items()
    ]
    operator = [(permission.value, description) for permission, description in OPERATOR_PERMISSIONS.items()]
    glossary = [(permission.value, requirement.description) for permission, requirement in MATRIX.items()]
    return (
        f"# Roles and rights\n\n{MADE}\n"
        "A member of a workspace has a role there. An access token has scopes. A request needs both: the role of its user, and the scope\n"
        "of its token. To a user who is not a member, a workspace and everything in it look as if they did not exist.\n\n"
        f"{_table(header, rows)}\n## What each permission allows\n\n{_table(('permission', 'allows to'), glossary)}\n"
        "## The operator\n\n"
        "The operator of the installation works on the server's command line. No role and no token has these permissions.\n\n"
        f"{_table(('permission', 'allows to'), operator)}"
    )


def connect_codes() -> str:
    """What the data plane answers when somebody may not (or no longer) use a session."""
    rows = [(f"`{code}`", str(words.status), str(words.close_code), words.title, words.advice) for code, words in ERROR_TEXTS.items()]
    return (
        f"# Codes of the data plane\n\n{MADE}\n"
        "Programs find the code in the header `Studiograph-Code`, in the JSON answer, and at the start of the reason a WebSocket is\n"
        "closed with. Browsers get a page.\n\n"
        f"{_table(('code', 'HTTP status', 'WebSocket close code', 'means', 'what to do'), rows)}"
    )


def metrics() -> str:
    """Returns the page of `/metrics`: who may read it, every metric, every label."""
    rows = [
        (f"`{it.name}`", it.type, ", ".join(f"`{label}`" for label in it.labels), it.description + (" Shared." if it.is_shared else ""))
        for it in DEFINITIONS
    ]
    labels = [(f"`{name}`", meaning) for name, meaning in LABELS.items()]
    return (
        f"# Metrics\n\n{MADE}{METRICS_INTRODUCTION}\n"
        f"{_table(('metric', 'type', 'labels', 'what it tells'), rows)}\n## Labels\n\n{_table(('label', 'values'), labels)}"
    )


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings,
    "lifecycle.md": lifecycle,
    "rights.md": rights,
    "connect-codes.md": connect_codes,
    "metrics.md": metrics,
}


def stale() -> list[str]:
    """Returns the names of pages that differ from what the code gives."""
    return [name for name, page in PAGES.items() if not (DOCS / name).exists() or (DOCS / name).read_text() != page()]


def main(arguments: list[str]) -> int:
    """Writes or checks the pages. Returns 0, or 1 where a checked page is stale."""
    if "--check" in arguments:
        for name in stale():
            sys.stderr.write(f"docs/{name} is stale: run `make docs` and commit it.\n")
        return 1 if stale() else 0
    for name, page in PAGES.items():
        (DOCS / name).write_text(page())
    return 0


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(header)
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
