"""The GraphQL types of users, members and access tokens."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from resolvers import people as rules
from resolvers.loaders import members, tokens, users, workspaces
from schema.enums import Role, TokenScope
from schema.field_metadata import Mark
from schema.fields import attribute, batched, computed, exactly, node_id
from schema.scalars import Cursor
from schema.types.node import Node
from schema.types.page import EDGE_CURSOR, EDGES, NODES, PAGE_INFO, TOTAL, PageInfo
from services.rows.organizations import MemberRow
from services.rows.people import TokenRow, UserRow

if TYPE_CHECKING:
    from schema.types.workspace import Workspace


@strawberry.type(description="An access token of a user. Its secret was returned once, when it was created.")
class Token:
    """B94."""

    id: strawberry.ID = node_id("Token", "The id of the token; `revokeToken` needs it.")
    name: str = attribute("The name that the user gave to the token.")
    scopes: list[TokenScope] = attribute("What the token can be used for.")
    hint: str = attribute("The first characters of the secret, by which the user recognizes the token.")
    created_at: datetime = attribute("The time at which the token was created.")
    expires_at: datetime | None = attribute("The time at which the token expires. Null if it never expires.")
    revoked_at: datetime | None = attribute("The time at which the token was revoked. Null if it was not revoked.")
    last_used_at: datetime | None = attribute("The time of the last use, accurate to one minute. Null if it was never used.")

    is_type_of = exactly(TokenRow)


@strawberry.type(description="A user of the server: a person or a program.")
class User(Node):
    """Seen by themselves, and by whoever shares a workspace with them."""

    id: strawberry.ID = node_id("User")
    user_name: str = attribute("The user name, unique on the server, for example `ada`.")
    display_name: str = attribute("The name of the user as it is displayed, for example `Ada Lovelace`.")
    avatar_url: str | None = attribute("The URL of a picture of the user. Null if there is none.")
    email: str | None = computed(
        rules.email, "The e-mail address of the user. Null if the user is not the viewer, or has no address.", marks=(Mark.VIEWER,)
    )
    created_at: datetime = attribute("The time at which the account was created.")
    memberships: list[Annotated["Member", strawberry.lazy("schema.types.people")]] = batched(
        members.of_users,
        "The memberships of the user in workspaces of which the viewer is a member too, the oldest first.",
        of="id",
        marks=(Mark.VIEWER,),
    )
    tokens: list[Token] | None = batched(
        tokens.of_users,
        "The access tokens of the user, the newest first. Null if the user is not the viewer.",
        of="id",
        marks=(Mark.VIEWER,),
    )

    is_type_of = exactly(UserRow)


@strawberry.type(description="The membership of a user in a workspace.")
class Member:
    """B90."""

    user: User = batched(users.by_id, "The user who is the member.", of="user_id")
    workspace: Annotated["Workspace", strawberry.lazy("schema.types.workspace")] = batched(
        workspaces.by_id, "The workspace of the membership.", of="workspace_id"
    )
    role: Role = attribute("The role of the user in the workspace.")
    created_at: datetime = attribute("The time at which the membership began.")

    is_type_of = exactly(MemberRow)


@strawberry.type(description="A member in a page, with its cursor.")
class MemberEdge:
    """Relay's edge."""

    node: Member = attribute("The member at this position.")
    cursor: Cursor = attribute(EDGE_CURSOR)


@strawberry.type(description="A page of the members of a workspace.")
class MemberConnection:
    """Relay's connection."""

    edges: list[MemberEdge] = attribute(EDGES)
    nodes: list[Member] = attribute(NODES)
    page_info: PageInfo = attribute(PAGE_INFO)
    total_count: int = batched(members.total, TOTAL, of="scope")
