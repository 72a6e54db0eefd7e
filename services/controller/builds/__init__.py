"""Builds the images of templates on behalf of Studios that wait for them."""
