"""What a person sees, in headless Chromium against a real server."""
