"""Benchmarks of `make bench`. Each measures against a reference in the same run, so that machines can be compared."""
