"""The reasons for which a session's files cannot be copied beforehand."""


class StagingFailed(Exception):
    """The files cannot be copied beforehand; says why. They are saved in another way."""


class TreeNotSupported(StagingFailed):
    """The tree has something that a copy would not show truly."""


class StagingTimeout(StagingFailed):
    """A step took too long. What was copied is kept, so that the next save has less to do."""


class NotEnoughSpace(StagingFailed):
    """The disk has too little room for the copies."""
