"""The command `studiograph schema`: prints the GraphQL schema."""


def schema() -> None:
    """Print the GraphQL schema (SDL). Needs no database and no running server.

    \b
    Example: studiograph schema > schema.graphql
    """
    from schema.export import printed

    print(printed(), end="")
