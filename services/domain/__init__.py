"""The domain's rules as data and pure functions: statuses, lifecycle, permissions, events, errors. Imports no other package."""
