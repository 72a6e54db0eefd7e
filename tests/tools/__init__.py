"""Small programs that tests run."""
