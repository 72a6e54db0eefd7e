"""The server itself."""

from dataclasses import dataclass, field

import strawberry

from schema.enums import ComputeKind
from schema.fields import attribute, exactly
from schema.limits import Limits

TRANSPORTS = ["graphql-over-http", "graphql-transport-ws", "graphql-sse", "multipart/mixed;subscriptionSpec=1.0"]


@dataclass(frozen=True, slots=True)
class ServerInfoRow:
    """What is known of a running server."""

    version: str
    compute_kinds: list[ComputeKind]
    dial_address: str
    warnings: list[str]
    limits: Limits = field(default_factory=Limits)
    transports: list[str] = field(default_factory=lambda: TRANSPORTS)


@strawberry.type(description="How much one operation may ask for.")
class ServerLimits:
    """What a client can plan with."""

    depth: int = attribute("How deep fields may be nested.")
    fields: int = attribute("How many fields there may be.")
    aliases: int = attribute("How many of them may have an alias.")
    root_fields: int = attribute("How many fields there may be at the top.")
    directives: int = attribute("How many directives there may be.")
    cost: int = attribute("How many objects may come back, about.")
    tokens: int = attribute("How many words the document may have.")
    source_length: int = attribute("How many characters the document may have.")
    query_seconds: float = attribute("How long a query may take.")
    mutation_seconds: float = attribute("How long a mutation may take.")

    is_type_of = exactly(Limits)


@strawberry.type(description="What a client should know of this server before it begins.")
class ServerInfo:
    """The same for everybody."""

    version: str = attribute("The version of the server.")
    limits: ServerLimits = attribute("How much one operation may ask for.")
    transports: list[str] = attribute("How operations can be sent: names as in their specifications, or what to accept for it.")
    compute_kinds: list[ComputeKind] = attribute("The kinds of compute environments that are enabled somewhere on this server.")
    dial_address: str = attribute(
        "`host:port` where programs connect for sessions, with the host of the session's URL as Host header: nothing needs to resolve."
    )
    warnings: list[str] = attribute("What everybody who uses this server should know, in words for people.")

    is_type_of = exactly(ServerInfoRow)
