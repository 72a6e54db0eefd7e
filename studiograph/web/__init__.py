"""HTTP parts around the application: security headers and health checks."""
