"""HTTP parts around the application: security headers, health checks and metrics."""
