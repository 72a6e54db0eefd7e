"""Derives the status of each template of a workspace from all of them (B72). The page docs/templates.md is made from it."""

from collections.abc import Collection, Iterable
from typing import Protocol, TypeVar

from services.domain.statuses import TemplateStatus, Tool
from services.domain.versions import ConnectVersion, ToolVersionKey, tool_version_key

SUPPORTED_EARLIER_MINORS = 2
"""The minor versions of the connect component before the newest one that are supported, too (B72)."""

STATUS_RULES = {
    TemplateStatus.UNSUPPORTED: "The connect version is too old: its major version is older than that of the newest one, or its minor "
    f"version is more than {SUPPORTED_EARLIER_MINORS} behind. No new Studio can use the template.",
    TemplateStatus.EXPERIMENTAL: "The template is marked as experimental. New Studios use it only with `acceptExperimental`.",
    TemplateStatus.RECOMMENDED: "The template is the newest release of its tool among those that are neither UNSUPPORTED nor EXPERIMENTAL.",
    TemplateStatus.DEPRECATED: "There is a newer release of the tool.",
}
"""What each status means. The first rule that holds for a template decides."""


class TemplateRelease(Protocol):
    """What of a template decides the statuses; the words of `tool` are those of `Tool`."""

    @property
    def id(self) -> str: ...
    @property
    def tool(self) -> str: ...
    @property
    def tool_version(self) -> str: ...
    @property
    def connect_version(self) -> str: ...
    @property
    def experimental(self) -> bool: ...


R = TypeVar("R", bound=TemplateRelease)
ReleaseKey = tuple[ToolVersionKey, ConnectVersion]


def release_key(release: TemplateRelease) -> ReleaseKey:
    """Returns the key by which releases of one tool are ordered: the tool's version decides, then the connect version."""
    return tool_version_key(release.tool_version), ConnectVersion.parse(release.connect_version)


def is_supported(version: ConnectVersion, newest: ConnectVersion | None) -> bool:
    """Returns whether a connect version is in the support window that ends with the `newest` one (None: there is no window)."""
    if newest is None or version.major != newest.major:
        return newest is None or version.major > newest.major
    return newest.minor - version.minor <= SUPPORTED_EARLIER_MINORS


def newest_connect_version(releases: Iterable[TemplateRelease]) -> ConnectVersion | None:
    """Returns the connect version at which the support window of a workspace ends.

    Experimental and custom templates do not move the window: a trial, or somebody's own image, must not end the support of the others.
    """
    versions = [ConnectVersion.parse(each.connect_version) for each in releases if not each.experimental and each.tool != Tool.CUSTOM]
    return max(versions, default=None)


def statuses(releases: Collection[TemplateRelease]) -> dict[str, TemplateStatus]:
    """Returns the status of each template of a workspace, by id. `releases` are all templates of the workspace.

    A custom template is a tool of its own, without other releases. Equal releases of one tool, such as two variants of an image, are
    RECOMMENDED together.
    """
    newest = newest_connect_version(releases)
    marked = {each.id: _marked_status(each, newest) for each in releases}
    newest_keys: dict[str, ReleaseKey] = {}
    for each in releases:
        if marked[each.id] is None:
            key = release_key(each)
            newest_keys[_line(each)] = max(key, newest_keys.get(_line(each), key))
    return {each.id: marked[each.id] or _age_status(each, newest_keys) for each in releases}


def catalogue_order(releases: Collection[R]) -> list[R]:
    """Returns the templates of a workspace, the RECOMMENDED ones first, then by tool, the newest release first."""
    status_by_id = statuses(releases)
    newest_first = sorted(releases, key=release_key, reverse=True)
    return sorted(
        newest_first, key=lambda each: (status_by_id[each.id] is not TemplateStatus.RECOMMENDED, list(Tool).index(Tool(each.tool)))
    )


def _marked_status(release: TemplateRelease, newest: ConnectVersion | None) -> TemplateStatus | None:
    """Returns the status of a template that is neither RECOMMENDED nor DEPRECATED; None for the others."""
    if not is_supported(ConnectVersion.parse(release.connect_version), newest):
        return TemplateStatus.UNSUPPORTED
    return TemplateStatus.EXPERIMENTAL if release.experimental else None


def _age_status(release: TemplateRelease, newest_keys: dict[str, ReleaseKey]) -> TemplateStatus:
    is_newest = release_key(release) == newest_keys[_line(release)]
    return TemplateStatus.RECOMMENDED if is_newest else TemplateStatus.DEPRECATED


def _line(release: TemplateRelease) -> str:
    """Returns what the releases that follow one another have in common: their tool, or the custom template itself."""
    return release.id if release.tool == Tool.CUSTOM else release.tool
