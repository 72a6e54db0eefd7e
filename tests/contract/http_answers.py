"""The media types of GraphQL over HTTP, and the error code of a response without data."""

import httpx

GRAPHQL_JSON = "application/graphql-response+json"
LEGACY = "application/json"


def code(response: httpx.Response) -> str:
    assert "data" not in response.json()
    error_code: str = response.json()["errors"][0]["extensions"]["code"]
    return error_code
