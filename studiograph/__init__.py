"""The composition root: settings, the application, the command line. The only place that reads settings."""
