"""Checks the sessions of migrated Studios for software that the new template does not fit (B74)."""
