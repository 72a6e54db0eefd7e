"""Measurements, each a ratio against something else in the same run; `make bench` runs them."""
