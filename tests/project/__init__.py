"""The house itself: locks, names, Makefile, command line, pages, a server's start and end."""
