"""Users, members, tokens."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from resolvers import people as rules
from resolvers.loads import members, tokens, users, workspaces
from schema.enums import Role, TokenScope
from schema.field_policies import Mark
from schema.fields import attribute, batched, computed, exactly, node_id
from schema.scalars import Cursor
from schema.types.node import Node
from schema.types.page import EDGE_CURSOR, EDGES, NODES, PAGE_INFO, TOTAL, PageInfo
from services.rows.organizations import MemberRow
from services.rows.people import TokenRow, UserRow

if TYPE_CHECKING:
    from schema.types.workspace import Workspace


@strawberry.type(description="An access token. Its secret was shown once, when it was created.")
class Token:
    """B94."""

    id: strawberry.ID = node_id("Token", "Its id: what to give to `revokeToken`.")
    name: str = attribute("What its user calls it.")
    scopes: list[TokenScope] = attribute("What it may be used for.")
    hint: str = attribute("How its secret begins, to recognise it by.")
    created_at: datetime = attribute("When it was created.")
    expires_at: datetime | None = attribute("When it ends; null = never.")
    revoked_at: datetime | None = attribute("When it was revoked.")
    last_used_at: datetime | None = attribute("When it was last used, to the minute.")

    is_type_of = exactly(TokenRow)


@strawberry.type(description="A person, or a robot's account.")
class User(Node):
    """Seen by themselves, and by whoever shares a workspace with them."""

    id: strawberry.ID = node_id("User")
    user_name: str = attribute("The short name, unique.")
    display_name: str = attribute("The name to show.")
    avatar_url: str | None = attribute("Where their picture is.")
    email: str | None = computed(rules.email, "The viewer's own address; null for everybody else.", marks=(Mark.VIEWER,))
    created_at: datetime = attribute("When the account was created.")
    memberships: list[Annotated["Member", strawberry.lazy("schema.types.people")]] = batched(
        members.of_users, "Their roles in the workspaces that the viewer is in too, the oldest first.", of="id", marks=(Mark.VIEWER,)
    )
    tokens: list[Token] | None = batched(
        tokens.of_users, "The viewer's own access tokens, the newest first; null for everybody else.", of="id", marks=(Mark.VIEWER,)
    )

    is_type_of = exactly(UserRow)


@strawberry.type(description="A user's role in a workspace.")
class Member:
    """B90."""

    user: User = batched(users.by_id, "Who.", of="user_id")
    workspace: Annotated["Workspace", strawberry.lazy("schema.types.workspace")] = batched(workspaces.by_id, "Where.", of="workspace_id")
    role: Role = attribute("What they may do there.")
    created_at: datetime = attribute("Since when.")

    is_type_of = exactly(MemberRow)


@strawberry.type(description="A member in a list.")
class MemberEdge:
    """Relay's edge."""

    node: Member = attribute("The member.")
    cursor: Cursor = attribute(EDGE_CURSOR)


@strawberry.type(description="Some of a workspace's members.")
class MemberConnection:
    """Relay's connection."""

    edges: list[MemberEdge] = attribute(EDGES)
    nodes: list[Member] = attribute(NODES)
    page_info: PageInfo = attribute(PAGE_INFO)
    total_count: int = batched(members.total, TOTAL, of="scope")
