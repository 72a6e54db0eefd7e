"""Connections to running sessions: presence, connect codes, session addresses, and the events of broken connections."""
