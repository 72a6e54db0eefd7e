"""Workspaces: commands that change their settings, and the limits of what sessions hold (B18, B93)."""
