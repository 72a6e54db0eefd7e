"""`studiograph doctor`: what this machine and installation have, in plain words, and what to do about what is missing."""
