"""The mutations of the templates of a workspace."""

import strawberry

from resolvers import payloads
from schema.inputs.templates import CreateTemplateInput, RefreshTemplatesInput, UpdateTemplateInput
from schema.mutations.command import mutation
from schema.results import CreateTemplateResult, RefreshTemplatesResult, UpdateTemplateResult
from services.domain.access import Permission


@strawberry.type
class TemplateMutations:
    """Each is one command of `services.templates.management`."""

    create_template: CreateTemplateResult = mutation(
        "Adds a template to a workspace: a container image that a registry provides, or one that the server builds from a recipe.",
        Permission.TEMPLATE_MANAGE,
        CreateTemplateInput,
        lambda services: services.templates.create,
        payloads.template,
    )
    update_template: UpdateTemplateResult = mutation(
        "Changes a template. Studios that use it meet the new values at their next start. Its tool cannot be changed.",
        Permission.TEMPLATE_MANAGE,
        UpdateTemplateInput,
        lambda services: services.templates.update,
        payloads.template,
    )
    refresh_templates: RefreshTemplatesResult = mutation(
        "Adds newer releases of the recipes from which the workspace has templates. Present templates and their Studios stay; the image of "
        "a template of the same release is replaced if its recipe has changed.",
        Permission.TEMPLATE_MANAGE,
        RefreshTemplatesInput,
        lambda services: services.templates.refresh,
        payloads.refreshed_templates,
    )
