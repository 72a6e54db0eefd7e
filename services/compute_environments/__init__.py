"""Where the sessions of a workspace run: the commands that add compute environments, switch them, and note what they have."""
