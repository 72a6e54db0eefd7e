"""The base class of errors about something outside of the process that does not answer."""


class ServiceOutage(Exception):
    """Its text says all that an operator needs, so that it is logged in one line, without a traceback."""
