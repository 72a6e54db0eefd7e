"""Writes the pages of docs/ that are made from the code: `python -m studiograph.reference [--check]`."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from connect.access_errors import ERROR_TEXTS
from services.compute.docker.recipes import RECIPES
from services.domain.access import MATRIX, OPERATOR_PERMISSIONS, Role, role_allows
from services.domain.lifecycle import ACTIONS, TRANSITIONS
from services.domain.statuses import StopReason
from services.domain.template_status import STATUS_RULES, SUPPORTED_EARLIER_MINORS, is_supported
from services.domain.versions import ConnectVersion
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
TEMPLATES_INTRODUCTION = """
A template is a container image of one tool. Members with the role ADMIN add and change the templates of their workspace (`createTemplate`,
`updateTemplate`, `refreshTemplates`); the operator does the same, and removes them, with `studiograph template`. The tool of a template
cannot be changed. Each change is a `TemplateEvent` in the log of the workspace. [images.md](images.md) says what an image must do.

## Status

The status of a template is not stored. It follows from all templates of its workspace, and changes when one is added, edited or removed.
The first rule that holds decides:
"""
TEMPLATES_RULES = """
- **The newest release** of a tool has the newest tool version, and among equal ones the newest connect version. Numbers are compared as
  numbers, zeros at the end do not count, `rc`, `beta` and the like come before the version without them, and any other addition after it
  (4.0rc1, 4.0, 4.0-u1). Equal releases, such as two variants of an image, are RECOMMENDED together.
- **The newest connect version** is the highest one of the workspace's templates. Experimental and CUSTOM ones do not count: a trial, or
  somebody's own image, ends the support of nothing. A mistaken version is corrected with `updateTemplate`, and the statuses follow.
- **CUSTOM templates** are each a tool of their own, without other releases: RECOMMENDED, unless one of the first two rules holds.
- **Studios that exist** start whatever the status of their template is. A clone has the template of its source, and needs no
  `acceptExperimental`; an UNSUPPORTED template serves no clone either.

## The support window

The newest minor version of the connect component and the {minors} before it are supported. Patches make no difference, and a new major
version ends the support of the one before. If the newest connect version is {newest}:

"""
TEMPLATES_REFRESH = """
## Refresh

`refreshTemplates` and `studiograph template refresh` compare the templates of a workspace with the recipes that the server has now, for
each recipe that the workspace has a template of:

| the recipe | what happens |
|---|---|
| has the versions of a template, and other content | the template gets the new image; its revision stays |
| has a newer version than all templates of the recipe | a new template is added, and the older ones become DEPRECATED |
| is older, or is gone | nothing |
| is the operator's own, which says no version | all templates of the recipe get the new image |

Studios keep their template, and checkpoints their files: a new image serves first sessions alone. A recipe that the workspace has no
template of is added with `createTemplate(recipe:)`; `addMissing`, or `--add-missing`, adds all provided ones. The start of `make run`
does so in the demo workspace if a Docker Engine answers.

## The provided recipes

A template of a provided recipe has these values; `createTemplate` refuses others (LOCKED).

"""


def templates() -> str:
    """Returns the page of templates: the rules of their statuses, the support window, and the provided recipes."""
    newest = ConnectVersion(0, 12, 0)
    examples = [ConnectVersion(0, 12, 9), *(ConnectVersion(0, 12 - back, 0) for back in range(1, SUPPORTED_EARLIER_MINORS + 2))]
    window = [(f"`{_text(version)}`", "yes" if is_supported(version, newest) else "no") for version in examples]
    statuses = [(status.value, meaning) for status, meaning in STATUS_RULES.items()]
    recipes = [
        (f"`{recipe.name}`", recipe.release.tool.value, recipe.version, recipe.release.connect_version, str(recipe.release.port))
        for recipe in RECIPES.values()
    ]
    return (
        f"# Templates\n\n{MADE}{TEMPLATES_INTRODUCTION}\n{_table(('status', 'when'), statuses)}"
        f"{TEMPLATES_RULES.format(minors=SUPPORTED_EARLIER_MINORS, newest=_text(newest))}"
        f"{_table(('connect version', 'supported'), window)}{TEMPLATES_REFRESH}"
        f"{_table(('recipe', 'tool', 'tool version', 'connect version', 'port'), recipes)}"
    )


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
    "templates.md": templates,
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


def _text(version: ConnectVersion) -> str:
    return f"{version.major}.{version.minor}.{version.patch}"


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(header)
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
