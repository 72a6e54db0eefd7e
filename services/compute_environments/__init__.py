"""Where the sessions of a workspace run: the commands that add, change and remove compute environments, and note what they have."""
