"""The GraphQL type of the server's version, limits and warnings."""

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
    limits: Limits
    compute_kinds: list[ComputeKind]
    dial_address: str
    warnings: list[str]
    transports: list[str] = field(default_factory=lambda: TRANSPORTS)


@strawberry.type(description="The limits of one operation. Beyond them it is refused with the code LIMIT_EXCEEDED, or ended with TIMEOUT.")
class ServerLimits:
    """What a client can plan with."""

    depth: int = attribute("The maximum number of nested levels of fields.")
    fields: int = attribute("The maximum number of fields, with all fragments expanded.")
    aliases: int = attribute("The maximum number of aliases.")
    root_fields: int = attribute("The maximum number of fields at the root.")
    directives: int = attribute("The maximum number of directives.")
    cost: int = attribute("The maximum number of objects in the response, as estimated from the page sizes.")
    tokens: int = attribute("The maximum number of lexical tokens (names, values and punctuation) in the document.")
    source_length: int = attribute("The maximum length of the document in characters.")
    query_seconds: float = attribute("The maximum duration of a query in seconds.")
    mutation_seconds: float = attribute("The maximum duration of a mutation in seconds.")

    is_type_of = exactly(Limits)


@strawberry.type(description="The version, limits and features of the server.")
class ServerInfo:
    """The same for everybody."""

    version: str = attribute("The version of the server, for example `0.1.0`.")
    limits: ServerLimits = attribute(
        "The limits of one operation. Beyond them it is refused with the code LIMIT_EXCEEDED, or ended with TIMEOUT."
    )
    transports: list[str] = attribute("The protocols by which operations can be sent, for example `graphql-transport-ws`.")
    compute_kinds: list[ComputeKind] = attribute("The kinds of compute environments that are enabled in any workspace of the server.")
    dial_address: str = attribute(
        "The address, as `host:port`, to which programs connect for all sessions if the hosts of sessions cannot be resolved. They send "
        "the host of each URL in the header `Host`."
    )
    warnings: list[str] = attribute("Warnings for all users of the server, as text for people; often empty.")

    is_type_of = exactly(ServerInfoRow)
