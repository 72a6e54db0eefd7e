"""Faults of the whole: processes killed between any two steps."""
