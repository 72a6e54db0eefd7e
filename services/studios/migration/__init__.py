"""Migrates Studios to newer templates of their tool: plans, new Studios, their attempts and what became of them (B73 to B75)."""
