"""The GraphQL interface `Node`, for objects with a global id."""

import strawberry

from schema.fields import attribute


@strawberry.interface(description="An object with a globally unique id, by which `Query.node` reads it.")
class Node:
    """Relay's Node."""

    id: strawberry.ID = attribute("The globally unique id of the object. It never changes.")
