"""`make demo`: the main job against a server of its own, told step by step. A client like any other: it knows only the API."""

from studiograph.walkthrough.main_job import walk

__all__ = ["walk"]
