"""Reads for the API: constant statements on the raw driver, which return rows. What the viewer may not see is left out (B92)."""
