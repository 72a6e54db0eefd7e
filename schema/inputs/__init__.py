"""What mutations take. Each input becomes a request of the services; the ids in it are decoded here."""
