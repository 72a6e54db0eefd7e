"""The error for what the operator has to change before the server or a command can run."""


class OperatorError(Exception):
    """An error whose text says what is wrong and what to do. It is printed without a traceback."""
