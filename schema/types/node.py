"""What has an id."""

import strawberry

from schema.fields import derived


@strawberry.interface(description="Anything that has an id and can be read again by it.")
class Node:
    """Relay's Node."""

    id: strawberry.ID = derived(lambda row: row.id, "Its id, the same everywhere and for ever.")
