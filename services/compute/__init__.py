"""The only place that knows Docker or processes: one `Compute` protocol, one package for each kind of compute environment."""
