"""Moves one claimed Studio through its statuses: build, start, run, stop; and observes the compute environments."""
