"""What the graphql-http audit (`audit.mjs`) answers for our server."""

EXPECTED_WARNINGS = {
    "47DE": "`*/*` gets the server's preferred type, which is application/graphql-response+json",
    "80D8": "so does a request without Accept",
    "86EE": "variables that cannot be coerced are 422, no longer 400",
}
"""Where the audit (graphql-http 1.23.1) contradicts the draft of August 2026, which we follow."""
