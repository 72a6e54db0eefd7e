"""Quotas: what the sessions of a workspace, an organization or a compute environment may hold together. Imported by commands that start."""
