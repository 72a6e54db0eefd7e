"""Loads the settings of a command: environment variables, overridden by options of the command line."""

from typing import Any

from pydantic import ValidationError

from studiograph.operator_errors import OperatorError
from studiograph.settings import Settings


def load_settings(**options: Any) -> Settings:
    """Returns the settings; an option of None was not given. Raises OperatorError that names each bad setting."""
    try:
        return Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        lines = [f"STUDIOGRAPH_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']} (it is {e['input']!r})" for e in error.errors()]
        raise OperatorError("\n  ".join(["some settings are not usable:", *lines])) from None
