"""The GraphQL API: types, inputs, root types, limits, execution and transports. Imports `resolvers` and `services`."""
