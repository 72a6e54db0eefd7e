"""Reads for the API: constant statements on the raw driver, rows out. What is not visible to the viewer is not found (B92)."""
