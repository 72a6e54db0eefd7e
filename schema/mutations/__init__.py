"""The mutations, one noun a file: thin fields that hand a command to `resolvers.mutations`. `schema.mutation` joins them."""
