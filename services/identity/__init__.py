"""Users, organisations, workspaces, members, access tokens and browser logins."""
