"""Assembles the schema."""

import strawberry
from graphql import GraphQLSchema
from strawberry.schema.config import StrawberryConfig

from schema.mutation import Mutation
from schema.query import Query
from schema.scalars import SCALARS
from schema.subscription import Subscription
from schema.types import audit, events

EVENTS = (
    audit.MemberEvent,
    audit.WorkspaceSettingsEvent,
    audit.TemplateEvent,
    events.StudioStatusEvent,
    events.StudioEditedEvent,
    events.StudioDeletedEvent,
    events.CheckpointEvent,
    events.MigrationEvent,
    events.ConnectedUsersEvent,
    events.ConnectionErrorEvent,
    events.DisruptionWarningEvent,
)
"""The types that implement `Event`. No field names them, so the schema has to."""


def build_schema(*, for_export: bool = False) -> strawberry.Schema:
    """Returns the schema. With `for_export` it is sorted, to be printed, and cannot run: its unions do not resolve."""
    config = StrawberryConfig(scalar_map=SCALARS, sort_schema=for_export)
    return strawberry.Schema(query=Query, mutation=Mutation, subscription=Subscription, types=EVENTS, config=config)


def core_schema(schema: strawberry.Schema) -> GraphQLSchema:
    """Returns the graphql-core schema inside Strawberry's, for our own executor. Strawberry has no public name for it."""
    return schema._schema
