"""`make demo`: runs the main job against a server of its own and prints each step. It uses only the public API."""

from studiograph.walkthrough.main_job import walk

__all__ = ["walk"]
