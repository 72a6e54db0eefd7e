"""Users, organizations, workspaces, members, access tokens and browser logins."""
