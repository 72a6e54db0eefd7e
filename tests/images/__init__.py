"""Tests that build the provided images and work in their tools with a browser: minutes each, so `make images-test` alone runs them."""
