"""Copies the files of a running session beforehand, so that a save pauses the session only while the last changes are copied (ADR 25).

`client` starts the program `program` for each save. It reads trees that sessions write to meanwhile, and never follows a link in them.
"""
