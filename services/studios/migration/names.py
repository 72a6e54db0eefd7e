"""Names the Studio that a migration adds after the original and the version of the new template."""

import re

from services.domain.limits import MAX_NAME_LENGTH
from services.domain.names import name_key
from services.store import studios
from services.store.db.database import Reader
from services.store.studios import StudioState
from services.store.templates import TemplateState


async def free_name(reader: Reader, original: StudioState, current: TemplateState, target: TemplateState) -> str:
    """Returns `<original> (<version>)`, with a further number if another Studio of the workspace has that name.

    The version of the current template at the end of the original's name is replaced, with such a number, so that names do not grow with
    each migration.
    """
    base, attempt = _without_version(original.name, _version(current)), 1
    name = _named(base, _version(target))
    while await studios.name_taken(reader, original.workspace_id, name_key(name)):
        attempt += 1
        name = _named(base, f"{_version(target)} {attempt}")
    return name


def _without_version(name: str, version: str) -> str:
    return re.sub(rf"{re.escape(version)}( [0-9]+)?$", "", name) if version else name


def _version(template: TemplateState) -> str:
    return f" ({template.tool_version})" if template.tool_version else ""


def _named(base: str, ending: str) -> str:
    return f"{base[: MAX_NAME_LENGTH - len(ending)].rstrip()}{ending}"
