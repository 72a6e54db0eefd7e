"""Secrets at rest and in output: encryption with the installation's key, and masking of secret values in logs."""
