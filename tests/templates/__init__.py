"""The rules of templates: versions, statuses, and the forms of their values."""
