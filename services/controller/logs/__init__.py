"""Collects the output of sessions: follows it, buffers it, masks secrets, and writes it to the store."""
