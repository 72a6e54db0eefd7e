"""The form of references to container images: [registry[:port]/]path[:tag][@digest], as in the specification of OCI registries."""

import re

_COMPONENT = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*")
_REGISTRY = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def is_image_reference(text: str) -> bool:
    """Returns whether the text names a container image, such as `registry.example.org/lab/marimo:0.14`."""
    name, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        return False
    path, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:  # the colon is that of the registry's port
        path, tag = name, ""
    if colon and path != name and not _TAG.fullmatch(tag):
        return False
    first, slash, rest = path.partition("/")
    if slash and (first == "localhost" or "." in first or ":" in first):
        return _REGISTRY.fullmatch(first) is not None and _is_path(rest)
    return _is_path(path)


def _is_path(text: str) -> bool:
    return all(_COMPONENT.fullmatch(component) for component in text.split("/"))
