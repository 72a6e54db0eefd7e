"""The GraphQL object types of the API, each resolved from one class of rows."""
