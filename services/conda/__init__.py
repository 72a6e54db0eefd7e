"""Conda environments as users write them: reads and checks the text of an `environment.yml`. Pure; imported by commands on Studios."""
