"""What is special to the `docker` kind: hardening, secrets, networks, faults of the engine. What all kinds share is in tests/compute."""
