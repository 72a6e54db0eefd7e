"""Runs sessions in compute environments: the `Compute` protocol, and one package for each kind that implements it."""
