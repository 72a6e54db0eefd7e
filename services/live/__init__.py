"""Event streams inside this process: one feed of the event log per stream, subscriptions to it, and the detection of revoked access."""
