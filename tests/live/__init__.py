"""The live part: broker, subscriptions and sentinel."""
