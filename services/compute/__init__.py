"""The `Compute` protocol of a compute environment, and one package for each kind of it. Only these know Docker or processes."""
