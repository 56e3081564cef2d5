"""What can go wrong for a user, and the exit status that each kind ends with (DESIGN section 3, command line)."""

from __future__ import annotations


class ArcmillError(Exception):
    """Base of all errors that are told to a user without a traceback."""

    exit_status = 4


class UsageError(ArcmillError):
    """A mistake in the command, the config or the recipe. Names the field, the value and what is accepted."""

    exit_status = 2


class InputError(ArcmillError):
    """Input that cannot be read at all, or more errored rows than `max_error_rate` allows."""

    exit_status = 3


class EngineError(ArcmillError):
    """Spark, datatrove, the disk or a worker process failed; the finished parts are kept for the next run."""

    exit_status = 4
