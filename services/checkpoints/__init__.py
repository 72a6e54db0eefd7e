"""Checkpoints: the commands that users run on them, and how a save is recorded."""
