"""Validates the values of templates; each check adds what is wrong to one list of problems (B71)."""

import re
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from services.domain.image_reference import is_image_reference
from services.domain.limits import MAX_ICON_DATA_LENGTH, MAX_ICON_URL_LENGTH, MAX_IMAGE_LENGTH, MAX_READY_PATH_LENGTH
from services.domain.problems import Problems
from services.domain.statuses import Tool
from services.domain.versions import MAX_TOOL_VERSION_LENGTH, ConnectVersion, InvalidVersion, is_tool_version

RECIPE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""The name of a recipe is that of its directory, and no other path."""
ICON_DATA = re.compile(r"data:image/(png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/]+={0,2}")
VISIBLE_ASCII = re.compile(r"[!-~]+")


def check_values(problems: Problems, tool: str, values: Mapping[str, Any], *, allows_commands: bool) -> None:
    """Checks the values that a template of the tool gets, by the names of their columns; those that are absent are not checked.

    `allows_commands`: the image of a CUSTOM template may be a command line, which the process kind runs as the server's own user. Only
    the operator may set one.
    """
    if "name" in values:
        problems.check_name(values["name"])
    if "image" in values:
        _check_image(problems, tool, values["image"], allows_commands=allows_commands)
    if "tool_version" in values and not is_tool_version(values["tool_version"]):
        message = (
            f"A tool version begins with a digit and has letters, digits and single . - + _ ~ between them, at most "
            f"{MAX_TOOL_VERSION_LENGTH} characters, as in 4.6.6 or 6.2.0-r2."
        )
        problems.add("tool_version", "VERSION", message)
    if "connect_version" in values:
        _check_connect_version(problems, values["connect_version"])
    if "port" in values and not 1 <= values["port"] <= 65535:
        problems.add("port", "RANGE", "A port is a number from 1 to 65535.")
    if "ready_path" in values:
        _check_ready_path(problems, values["ready_path"])
    if values.get("icon_url") is not None:
        _check_icon(problems, values["icon_url"])


def check_recipe_name(problems: Problems, recipe: str) -> None:
    """Checks that the recipe is named by a word, so that no other directory can be meant."""
    if not RECIPE_NAME.fullmatch(recipe):
        problems.add("recipe", "CHARACTERS", "The name of a recipe has letters, digits, - and _, at most 64 characters.")


def _check_image(problems: Problems, tool: str, image: str, *, allows_commands: bool) -> None:
    if len(image) > MAX_IMAGE_LENGTH:
        problems.add("image", "LENGTH", f"An image has at most {MAX_IMAGE_LENGTH} characters.")
    elif not is_image_reference(image) and not (allows_commands and tool == Tool.CUSTOM and _is_command_line(image)):
        message = "This is no reference to a container image, such as registry.example.org/lab/marimo:0.14."
        problems.add("image", "REFERENCE", message)


def _is_command_line(text: str) -> bool:
    try:
        return text.isprintable() and bool(shlex.split(text))
    except ValueError:
        return False


def _check_connect_version(problems: Problems, text: str) -> None:
    try:
        ConnectVersion.parse(text)
    except InvalidVersion:
        problems.add("connect_version", "VERSION", "A connect version is three numbers without leading zeros, as in 0.12.1.")


def _check_ready_path(problems: Problems, path: str) -> None:
    if not path.startswith("/") or len(path) > MAX_READY_PATH_LENGTH or not VISIBLE_ASCII.fullmatch(path) or "#" in path:
        message = f"A path begins with / and has at most {MAX_READY_PATH_LENGTH} visible ASCII characters, without #."
        problems.add("ready_path", "PATH", message)


def _check_icon(problems: Problems, url: str) -> None:
    if not _is_https(url) and not (len(url) <= MAX_ICON_DATA_LENGTH and ICON_DATA.fullmatch(url)):
        message = (
            f"An icon is an https URL of at most {MAX_ICON_URL_LENGTH} characters without user and password, or a data URL of a PNG, JPEG, "
            f"GIF, WebP or SVG image in base64, of at most {MAX_ICON_DATA_LENGTH // 1024} KiB."
        )
        problems.add("icon_url", "URL", message)


def _is_https(url: str) -> bool:
    if len(url) > MAX_ICON_URL_LENGTH or not VISIBLE_ASCII.fullmatch(url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
