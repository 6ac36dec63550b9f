"""Exceptions, whose messages are those of the command line, and what is told without one."""

from __future__ import annotations

import logging
import warnings

__all__ = [
    "CorruptError",
    "DeviceLostError",
    "Error",
    "FileError",
    "IncompleteError",
    "InputError",
    "MismatchError",
    "NoAdapterError",
    "RoundlawWarning",
]


class Error(Exception):
    """What goes wrong. ``str()`` is one line that names the key or option, its value and what is allowed.

    ``exit_code`` is the status that the command ends with for the same error.
    """

    exit_code: int

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code

    def __reduce__(self) -> tuple[type[Error], tuple[str, int]]:
        return type(self), (str(self), self.exit_code)


class InputError(Error, ValueError):
    """A value, an option, a config or a directory can't be used as given."""


class MismatchError(Error):
    """Two computations that must agree bit for bit do not."""


class NoAdapterError(Error):
    """No adapter fits, or the one that does gives wrong bits."""


class IncompleteError(Error):
    """Runs are missing: the same call continues."""


class DeviceLostError(Error):
    """The device was lost and could not be had again; the same call continues."""


class CorruptError(Error):
    """A stored file is damaged, foreign or of another version."""


class FileError(Error, OSError):
    """A file can't be read or written."""


class RoundlawWarning(UserWarning):
    """What the command line would tell after ``warning:``."""


def tell(line: str) -> None:
    """A line that the command line would write to stderr: a warning, or an entry of the log ``roundlaw``."""
    if line.startswith("warning: "):
        warnings.warn(line.removeprefix("warning: "), RoundlawWarning, stacklevel=3)
    else:
        logging.getLogger("roundlaw").info("%s", line)
