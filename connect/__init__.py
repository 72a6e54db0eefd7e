"""The data plane: the way of a browser or program into a running session. Imports only `services`."""
