"""What surrounds the application on HTTP: headers, health."""
