"""The controller, against a compute environment that can be made to fail at will."""
