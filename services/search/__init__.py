"""Which Studios a list, a count or a stream selects, and in which order."""
