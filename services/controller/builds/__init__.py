"""Builds images that Studios wait for."""
