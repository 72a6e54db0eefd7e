"""The domain: commands, lifecycle, controller, access, events, presence. Imports no web framework and no GraphQL library."""
