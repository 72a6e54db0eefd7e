"""What people do to Studios: create, start, stop, edit, delete, star. Each is one command, one transaction."""
