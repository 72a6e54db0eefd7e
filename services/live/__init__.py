"""What happens, as it happens: the broker that reads the log once for all subscribers, and the sentinel that ends what lost its right."""
