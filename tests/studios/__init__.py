"""Tests of the commands on Studios."""
