"""The rules of the domain as data and pure functions: statuses, lifecycle, rights, events, errors. Imports nothing else of the project."""
