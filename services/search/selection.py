"""Filters and orders of Studios as data, so that lists, counts and streams select the same ones."""

from dataclasses import dataclass

from services.domain.statuses import StudioStatus


@dataclass(frozen=True, slots=True)
class StudioFilter:
    """The conditions that a Studio must meet. None is no condition; an empty tuple matches nothing. Ids are row ids.

    `starred` depends on the viewer. `name_contains` is compared without regard to case.
    """

    statuses: tuple[StudioStatus, ...] | None = None
    owners: tuple[str, ...] | None = None
    templates: tuple[str, ...] | None = None
    compute_environments: tuple[str, ...] | None = None
    starred: bool | None = None
    connected: bool | None = None
    name_contains: str | None = None


EVERYTHING = StudioFilter()


@dataclass(frozen=True, slots=True)
class StudioOrder:
    """The order of a list. `field` is one of NAME, STATUS, CREATED, LAST_STARTED, STATUS_SINCE."""

    field: str = "NAME"
    descending: bool = False


BY_NAME = StudioOrder()
