"""What the sessions of a workspace run: the commands that add, change, refresh and remove templates."""
