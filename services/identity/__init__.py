"""The commands on users, organizations, workspaces, members, access tokens and browser logins."""
