"""The error for a problem that the operator must solve before the server or a command can run."""


class OperatorError(Exception):
    """The server or a command cannot run; the text says why and what to do, and is printed without a traceback."""
