"""Tests of the kinds of compute environment: those over the protocol run for each kind, the rest look into one kind."""
