"""What the operator has to change before anything can run."""


class OperatorError(Exception):
    """The text says what is wrong and what to do."""
