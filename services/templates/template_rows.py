"""Adds and changes the rows of templates, with their events. The callers have checked rights and the form of values."""

from dataclasses import asdict
from typing import Any

from services.domain.actor import Actor
from services.domain.errors import Conflict, QuotaExceeded
from services.domain.event_payloads import TemplateChange, TemplateChanged
from services.domain.limits import MAX_TEMPLATES
from services.domain.names import name_key
from services.domain.unset import UNSET
from services.store import outbox
from services.store import templates as store
from services.store.db.database import Transaction
from services.store.templates import TemplateState
from services.templates.requests import NewTemplate, TemplateChanges


class TemplateNameTaken(Conflict):
    """Another template of the workspace has this name."""

    code = "NAME_TAKEN"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is a template {name} already in this workspace. Choose another name.", field=("name",))


async def add_template(transaction: Transaction, actor: Actor, workspace_id: str, template: NewTemplate) -> str:
    """Returns the id of the new template. Raises TemplateNameTaken, and QuotaExceeded in a workspace that has too many."""
    values = asdict(template)
    name = values.pop("name").strip()
    existing = await store.of_workspace(transaction, workspace_id)
    if name_key(name) in {name_key(each.name) for each in existing}:
        raise TemplateNameTaken(name)
    if len(existing) >= MAX_TEMPLATES:
        raise QuotaExceeded(f"A workspace has at most {MAX_TEMPLATES} templates. Ask the operator to remove some.")
    template_id = await store.insert_template(transaction, workspace_id, name, values)
    await log_change(transaction, actor, workspace_id, TemplateChanged(template_id, name, TemplateChange.ADDED))
    return template_id


async def edit_template(transaction: Transaction, actor: Actor, template: TemplateState, changes: TemplateChanges) -> None:
    """Makes a new revision of the template with the values that differ, if any do. Raises TemplateNameTaken."""
    values = changed_values(template, changes)
    fields = tuple(sorted(values))
    if "name" in values:
        values["name_key"] = name_key(values["name"])
        if await store.name_taken(transaction, template, values["name_key"]):
            raise TemplateNameTaken(values["name"])
    if "image" in values:
        values["recipe"] = None
    if values:
        await store.change(transaction, template.id, **values, revision=template.revision + 1)
        event = TemplateChanged(template.id, values.get("name", template.name), TemplateChange.EDITED, fields)
        await log_change(transaction, actor, template.workspace_id, event)


async def replace_image(transaction: Transaction, actor: Actor, template: TemplateState, image: str) -> bool:
    """Gives a template the new image of its recipe, and returns whether it had another one. It is no edit: the revision stays."""
    if template.image == image:
        return False
    await store.change(transaction, template.id, image=image)
    event = TemplateChanged(template.id, template.name, TemplateChange.EDITED, ("image",))
    await log_change(transaction, actor, template.workspace_id, event)
    return True


async def log_change(transaction: Transaction, actor: Actor, workspace_id: str, change: TemplateChanged) -> None:
    """Writes what happened to a template to the log of its workspace."""
    await outbox.append(transaction, workspace_id, [change.event(actor)])


def given_values(changes: TemplateChanges) -> dict[str, Any]:
    """Returns the values that are to be set, by the names of their columns."""
    values = {name: value for name, value in asdict(changes).items() if value is not UNSET}
    return values | ({"name": values["name"].strip()} if "name" in values else {})


def changed_values(template: TemplateState, changes: TemplateChanges) -> dict[str, Any]:
    """Returns the values that differ from those of the template."""
    return {name: value for name, value in given_values(changes).items() if value != getattr(template, name)}
