"""The controller: reconciles Studios with their desired state in idempotent steps, and observes the compute environments."""
