"""The settings of a command: the environment, with what was given on the command line laid over it."""

from typing import Any

from pydantic import ValidationError

from studiograph.operator_errors import OperatorError
from studiograph.settings import Settings


def settings(**given: Any) -> Settings:
    """The settings; a value of None was not given. Raises Refused, naming each bad setting."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        lines = [f"STUDIOGRAPH_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']} (it is {e['input']!r})" for e in error.errors()]
        raise OperatorError("\n  ".join(["some settings are not usable:", *lines])) from None
