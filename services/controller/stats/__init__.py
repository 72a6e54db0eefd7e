"""Measures the CPU, memory and network use of running sessions."""
