"""Runs work in the background of this process. Every other package of `services` but `domain` may import it; it imports none of them."""
