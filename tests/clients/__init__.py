"""Clients that people use, in their own language."""
