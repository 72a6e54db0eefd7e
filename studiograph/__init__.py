"""The composition root: settings, server roles, command line, pages. The only package that reads settings."""
