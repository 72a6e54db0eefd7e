"""Removes resources and records that are no longer needed."""
