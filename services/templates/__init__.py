"""What the sessions of a workspace run: the commands that add, change and remove templates."""
