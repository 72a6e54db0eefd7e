"""What mutations take. Each input becomes a command of the services; the ids in it are decoded here."""
